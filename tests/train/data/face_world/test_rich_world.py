"""The rich world as a data set: the plain one is untouched, people and poses are the same, groups stay exact."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from tests.train.data.face_world import golden_plain
from train.data.face_world.caption import caption
from train.data.face_world.groups import Jitter, group_crop, group_set
from train.data.face_world.questions import questions
from train.data.face_world.render import render
from train.data.face_world.rich_sample import RICH_HATS, enrich_attributes, enrich_identity
from train.data.face_world.rich_types import EARRINGS, GARMENTS, PLACES
from train.data.face_world.sample import sample_attributes, sample_identity
from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import read_world, render_shard, write_shards
from train.data.face_world.swap import exact_swap, render_swap
from train.data.face_world.types import Attributes, Part

TINY = ShardOptions(
    size=48, identities=8, members=2, settings_per_set=2, sets_per_shard=1, supersample=1, hair_strands=300, questions=3
)


@pytest.mark.parametrize("kind", ["swap", "portrait"])
def test_the_plain_world_is_what_it_was(kind: str) -> None:
    record = json.loads(golden_plain.RECORD.read_text())
    wanted, found = record[kind], golden_plain.measure(kind)
    np.testing.assert_allclose(found["means"], wanted["means"], atol=1.0)
    np.testing.assert_allclose(found["areas"], wanted["areas"], atol=6)
    np.testing.assert_allclose(found["landmarks"], wanted["landmarks"], atol=0.05)
    assert found["captions"] == wanted["captions"]
    if record["machine"] == golden_plain.machine():
        assert found["digests"] == wanted["digests"]


def test_rich_and_plain_shards_show_the_same_people_poses_and_light() -> None:
    plain, rich = render_shard(TINY, 0), render_shard(replace(TINY, richness="rich"), 0)
    for name in ("identity", "donor", "group", "pose", "identity_vector", "attribute_vector"):
        np.testing.assert_array_equal(plain[name], rich[name], err_msg=name)
    assert (plain["rgb"] != rich["rgb"]).any((1, 2, 3)).all()
    # the lens moves points by a few pixels at most
    assert np.abs(plain["landmarks"] - rich["landmarks"]).max() < 0.06 * TINY.size
    again = render_shard(replace(TINY, richness="rich"), 0)
    for name, values in rich.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)


def test_a_folder_from_before_an_option_goes_on_without_it(tmp_path: Path) -> None:
    write_shards(tmp_path, TINY, 4)
    path = tmp_path / "world.json"
    world = read_world(tmp_path)
    assert world["sets"]["swap-train"]["options"].pop("richness") == "plain"
    assert world["sets"]["swap-train"]["options"].pop("crop_scale") == 1
    path.write_text(json.dumps(world))
    assert write_shards(tmp_path, TINY, 4).skipped == 1
    with pytest.raises(InputError, match="richness: plain there, rich asked"):
        write_shards(tmp_path, replace(TINY, richness="rich"), 4)
    with pytest.raises(InputError, match="richness"):
        replace(TINY, richness="poor")


def test_an_enriched_person_is_the_same_person() -> None:
    person = sample_identity(7, "own")
    rich = enrich_identity(person)
    assert rich.texture is not None and rich.hair.edge is not None and rich == enrich_identity(person)
    back = replace(rich, texture=None, hair=replace(rich.hair, edge=None))
    assert all(np.array_equal(getattr(back, name), getattr(person, name)) for name in vars(person))
    assert enrich_identity(sample_identity(8, "own")).texture != rich.texture


def test_enriched_settings_are_varied_and_keep_pose_and_light() -> None:
    rng, extra = np.random.default_rng(2), np.random.default_rng(3)
    plain = [sample_attributes(rng, "train") for _ in range(300)]
    rich = [enrich_attributes(a, extra) for a in plain]
    for before, after in zip(plain, rich, strict=True):
        assert replace(after, extras=None, hat=before.hat) == before
        assert after.hat in (before.hat, *RICH_HATS)
        assert after.extras is not None and after.extras.cloth.color == before.cloth
    extras = [a.extras for a in rich if a.extras is not None]
    assert {e.garment for e in extras} == set(GARMENTS) and {e.surroundings.place for e in extras} == set(PLACES)
    assert {e.earring for e in extras} == set(EARRINGS)
    assert 0.10 < np.mean([a.hat != "none" for a in rich]) < 0.30
    lenses = [e.lens for e in extras]
    assert 0.25 < np.mean([lens.blur == 0 for lens in lenses]) < 0.5 and max(lens.blur for lens in lenses) < 0.07
    assert max(abs(lens.distortion) for lens in lenses) <= 0.07 and min(lens.distortion for lens in lenses) < -0.03


def test_a_setting_takes_as_much_of_the_stream_whatever_it_gets() -> None:
    streams = [np.random.default_rng(5) for _ in range(2)]
    enrich_attributes(Attributes(hat="cap"), streams[0])
    enrich_attributes(Attributes(), streams[1])
    assert streams[0].bit_generator.state == streams[1].bit_generator.state


def test_members_of_a_rich_group_share_the_setting_and_keep_their_skin() -> None:
    rng, extra = np.random.default_rng(3), np.random.default_rng(4)
    spread = Jitter(0.03, 0.03, 0.012)
    (group,) = group_set(
        rng, (11, 12, 13), "own", "train", size=48, settings=1, first_group=9, spread=spread, rich=extra
    )
    first, *others = group.members
    assert all(m.identity.hair == first.identity.hair and m.attributes == first.attributes for m in others)
    assert len({m.identity.texture for m in group.members}) == 3
    crop = group_crop(group, 48)
    shots = [
        render(m.identity, m.attributes, size=48, supersample=1, crop=crop, hair_strands=300, truth="basic")
        for m in group.members
    ]
    outside = np.all([s.alpha == 0 for s in shots], 0)
    assert outside.sum() > 20
    for shot in shots[1:]:
        np.testing.assert_array_equal(shot.rgb[outside], shots[0].rgb[outside])
        assert (shot.rgb != shots[0].rgb).any()


def test_rich_swap_truth_is_exact() -> None:
    source, target = (enrich_identity(sample_identity(seed, "own")) for seed in (21, 22))
    swapped = exact_swap(source, target)
    assert swapped.texture == source.texture and swapped.hair == target.hair
    plain = Attributes(background="studio", yaw_degrees=10)
    setting = enrich_attributes(plain, np.random.default_rng(8))
    assert setting.extras is not None and setting.extras.lens.distortion != 0
    sample = render_swap(source, target, setting, 48, supersample=1, hair_strands=300)
    assert sample.whole is not None and sample.inner is not None and sample.inner_mask is not None
    assert sample.whole_differs is not None and sample.inner_differs is not None
    outside = (sample.target.alpha == 0) & (sample.whole.alpha == 0)
    assert not sample.whole_differs[outside].any() and sample.whole_differs.mean() > 0.1
    assert not sample.inner_differs[sample.inner_mask == 0].any()
    full = sample.inner_mask > 0.999
    assert full.sum() > 100
    np.testing.assert_array_equal(sample.inner[full], sample.whole.rgb[full])
    assert not np.isin(sample.whole.parts, (Part.NECK, Part.EAR, Part.CLOTH))[full].any()


def test_clothes_and_earrings_are_told() -> None:
    person = sample_identity(5, "own")
    setting = enrich_attributes(Attributes(), np.random.default_rng(1))
    assert setting.extras is not None
    setting = replace(setting, hat="none", extras=replace(setting.extras, garment="hoodie", earring="hoop"))
    parts = np.full((40, 40), Part.SKIN, np.uint8)
    parts[0], parts[1] = Part.CLOTH, Part.OCCLUDER
    assert "wearing a hoodie and earrings" in caption(person, setting, parts)
    asked = dict(questions(person, setting, parts))
    assert asked["What does the person wear on the upper body?"] == "hoodie"
    bare = replace(setting, extras=None)
    assert "hoodie" not in caption(person, bare, parts)
    assert "What does the person wear on the upper body?" not in dict(questions(person, bare, parts))
