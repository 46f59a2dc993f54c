"""The data set of the face world: sampling, groups, truth vectors, captions, shards."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError, MediaError
from train.data.face_world.background import TEST_ONLY_KINDS, TRAIN_KINDS
from train.data.face_world.caption import caption
from train.data.face_world.expression import EXPRESSION_NAMES, EXPRESSIONS
from train.data.face_world.groups import Jitter, draw_jitter, group_crop, group_set, member_sets
from train.data.face_world.hair import TEST_ONLY_STYLES, TRAIN_STYLES
from train.data.face_world.head import get_head
from train.data.face_world.prepare import identity_key
from train.data.face_world.questions import compare, pick, questions
from train.data.face_world.render import render
from train.data.face_world.sample import (
    SPLITS,
    identity_number,
    sample_attributes,
    sample_identity,
    split_of,
)
from train.data.face_world.shard_options import ShardOptions
from train.data.face_world.shards import (
    list_shards,
    load_shards,
    read_world,
    render_shard,
    shard_path,
    write_shards,
)
from train.data.face_world.sheet import draw_landmarks, grid, save_png
from train.data.face_world.summary import summarize
from train.data.face_world.swap import blend, exact_swap, render_swap
from train.data.face_world.types import Attributes, Part
from train.data.face_world.vectors import (
    ATTRIBUTE_FIELDS,
    IDENTITY_FIELDS,
    attribute_vector,
    identity_vector,
    mean_landmarks,
)

TINY = ShardOptions(
    size=48, identities=8, members=2, settings_per_set=2, sets_per_shard=1, supersample=1, hair_strands=300, questions=3
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny shards of swap groups."""
    directory = tmp_path_factory.mktemp("world")
    report = write_shards(directory, TINY, 8)
    assert (report.written, report.skipped, report.images) == (2, 0, 8)
    return directory


def test_splits_share_no_seed() -> None:
    seeds = [set(r) for r in SPLITS.values()]
    assert sum(len(s) for s in seeds) == len(set().union(*seeds)) == 100_000
    assert [split_of(s) for s in (0, 89_999, 90_000, 94_999, 95_000, 99_999)] == [
        "train", "train", "validation", "validation", "test", "test",
    ]  # fmt: skip
    for outside in (-1, 100_000):
        with pytest.raises(InputError):
            split_of(outside)


def test_same_seed_is_same_person() -> None:
    assert identity_key(sample_identity(7, "own")) == identity_key(sample_identity(7, "own"))
    assert identity_key(sample_identity(7, "own")) != identity_key(sample_identity(8, "own"))
    assert identity_number(7, "own") == 7 and identity_number(7, "facekit") == 100_007


def test_test_only_styles_and_backgrounds_stay_in_test() -> None:
    train = {sample_identity(s, "own").hair.style for s in range(60)}
    test = {sample_identity(s, "own").hair.style for s in range(95_000, 95_060)}
    assert train <= set(TRAIN_STYLES) and test & set(TEST_ONLY_STYLES) and test & set(TRAIN_STYLES)
    rng = np.random.default_rng(1)
    assert {sample_attributes(rng, "train").background for _ in range(150)} == set(TRAIN_KINDS)
    kinds = {sample_attributes(rng, "test").background for _ in range(200)}
    assert kinds & set(TEST_ONLY_KINDS) and kinds & set(TRAIN_KINDS)


def test_attributes_are_in_range_and_varied() -> None:
    rng = np.random.default_rng(2)
    drawn = [sample_attributes(rng, "train") for _ in range(400)]
    assert max(abs(a.yaw_degrees) for a in drawn) == 50 and max(abs(a.pitch_degrees) for a in drawn) <= 20
    assert max(abs(a.roll_degrees) for a in drawn) <= 12
    assert all(0 <= w <= 1 and n in EXPRESSION_NAMES for a in drawn for n, w in a.expression.items())
    assert 0.05 < np.mean([a.glasses != "none" for a in drawn]) < 0.16
    assert 0.02 < np.mean([a.hat != "none" for a in drawn]) < 0.09
    key = np.array([a.light.key_direction for a in drawn])
    np.testing.assert_allclose(np.linalg.norm(key, axis=1), 1, atol=1e-6)
    assert (key[:, 2] < -0.2).any() and (np.abs(key[:, 0]) > 0.8).any()
    wide = [sample_attributes(rng, "train", wide=True) for _ in range(200)]
    assert 60 < max(abs(a.yaw_degrees) for a in wide) <= 80 and 25 < max(abs(a.roll_degrees) for a in wide) <= 40
    assert len({a.zoom for a in wide}) == 200


@pytest.mark.parametrize("size", [3, 4])
def test_schedule_is_even_and_never_doubles(size: int) -> None:
    sets = list(member_sets(range(10), 33, size, [5]))
    assert all(len(set(s)) == size for s in sets)
    for upto in range(1, 34):
        used = Counter(seed for s in sets[:upto] for seed in s)
        counts = [used[seed] for seed in range(10)]
        assert max(counts) - min(counts) <= 1
    assert sets == list(member_sets(range(10), 33, size, [5])) != list(member_sets(range(10), 33, size, [6]))
    with pytest.raises(InputError, match="too few"):
        next(member_sets(range(5), 1, 4, [0]))


def test_jitter_moves_about_the_centre() -> None:
    still = draw_jitter(np.random.default_rng(0), 128, Jitter(0, 0, 0))
    np.testing.assert_allclose(still, [[1, 0, 0], [0, 1, 0]], atol=1e-5)
    turned = draw_jitter(np.random.default_rng(0), 128, Jitter(0.3, 0.2, 0))
    np.testing.assert_allclose(turned @ [64, 64, 1], [64, 64], atol=1e-3)
    assert abs(np.linalg.det(turned[:, :2]) - 1) > 0.01 and abs(turned[0, 1]) > 0.01


def test_exact_swap_takes_only_the_hair() -> None:
    source, target = sample_identity(1, "own"), sample_identity(2, "own")
    swapped = exact_swap(source, target)
    assert swapped.hair == target.hair
    assert identity_key(replace(swapped, hair=source.hair)) == identity_key(source)


def _points(seed: int) -> np.ndarray:
    head = get_head("own")
    return head.neutral(sample_identity(seed, "own"))[head.mesh.landmarks]


def test_vectors_have_names_and_follow_parameters() -> None:
    person = sample_identity(3, "own")
    points = _points(3)
    vector = identity_vector(person, points)
    assert vector.shape == (len(IDENTITY_FIELDS),) and len(set(IDENTITY_FIELDS)) == len(IDENTITY_FIELDS)
    assert not identity_vector(person, mean_landmarks())[:204].any()
    moved = points.copy()
    moved[30, 2] += 0.1
    changed = np.nonzero(identity_vector(person, moved) != vector)[0]
    assert [IDENTITY_FIELDS[i] for i in changed] == ["landmark_30_z"]
    darker = identity_vector(replace(person, tone=person.tone / 2), points)
    assert [IDENTITY_FIELDS[i] for i in np.nonzero(darker != vector)[0]] == ["tone"]
    wigged = identity_vector(exact_swap(person, sample_identity(4, "own")), points)
    np.testing.assert_array_equal(wigged, vector)
    hot = [name for name, value in zip(IDENTITY_FIELDS, vector, strict=True) if "=" in name and value == 1]
    assert hot == [f"eye_color={person.eye_color}", f"brow_color={person.brow_color}", f"beard={person.beard}"]
    with pytest.raises(InputError, match="68, 3"):
        identity_vector(person, points[:, :2])

    setting = Attributes(yaw_degrees=30, gaze=(0.25, -0.5), expression={"jawOpen": 0.75})
    named = dict(zip(ATTRIBUTE_FIELDS, attribute_vector(setting).tolist(), strict=True))
    assert (named["yaw"], named["gaze_x"], named["gaze_y"], named["expression_jawOpen"]) == (1.0, 0.25, -0.5, 0.75)
    assert named["key_intensity"] == pytest.approx(setting.light.key_intensity)
    with pytest.raises(InputError):
        attribute_vector(Attributes(expression={"noSuchMuscle": 0.5}))


def test_identity_vectors_have_about_unit_scale() -> None:
    vectors = np.stack([identity_vector(sample_identity(s, "own"), _points(s)) for s in range(12)])
    assert 0.15 < np.sqrt((vectors[:, :204] ** 2).mean()) < 2.5
    scalars = vectors[:, 204:225]
    assert np.abs(scalars).max() < 5 and np.median(scalars.std(0)) > 0.4


def _parts(*shown: Part) -> np.ndarray:
    parts = np.full((40, 40), Part.SKIN, np.uint8)
    for row, part in enumerate(shown):
        parts[row] = part
    return parts


def test_caption_reflects_parameters() -> None:
    person = replace(sample_identity(5, "own"), tone=0.95, age=0.9, eye_color="green", beard="goatee", freckles=0.0)
    person = replace(person, hair=replace(person.hair, style="curly", color="black"))
    smile = Attributes(yaw_degrees=30, expression=EXPRESSIONS["smile"], glasses="round", background="room")
    text = caption(person, smile, _parts(Part.HAIR, Part.IRIS, Part.GLASSES, Part.TEETH, Part.BACKGROUND))
    for words in (
        "apparently older", "very dark skin", "black curly hair", "green eyes", "a goatee", "round glasses", "smiling",
        "visible teeth", "turned to the right", "room background",
    ):  # fmt: skip
        assert words in text, text
    plain = caption(person, replace(smile, yaw_degrees=-30, expression={}), _parts(Part.HAIR))
    assert "turned to the left" in plain
    for words in ("glasses", "smiling", "teeth", "green", "background"):
        assert words not in plain, plain
    for word in (" man", "woman", " he ", " she ", "male", "ethnic"):
        assert word not in text


def test_answers_are_true() -> None:
    person = replace(sample_identity(6, "own"), eye_color="blue", beard="none")
    person = replace(person, hair=replace(person.hair, style="bob", color="red"))
    setting = Attributes(yaw_degrees=-25, expression=EXPRESSIONS["open mouth"], glasses="aviator", hat="none")
    parts = _parts(Part.HAIR, Part.IRIS, Part.GLASSES, Part.EAR)
    answers = dict(questions(person, setting, parts))
    expected = {
        "What colour are the eyes?": "blue",
        "What colour is the hair?": "red",
        "What is the hair style?": "bob",
        "Does the person have a beard or mustache?": "no",
        "Does the person wear glasses?": "yes",
        "What shape are the glasses?": "aviator",
        "Does the person wear a hat?": "no",
        "Is the mouth open?": "yes",
        "Is the person smiling?": "no",
        "Are teeth visible?": "no",
        "Is an ear visible?": "yes",
        "Which way is the head turned?": "left",
        "Which covers more of the picture, hair or face skin?": "face skin",
    }
    assert {question: answers[question] for question in expected} == expected
    assert "What colour are the eyes?" not in dict(questions(person, setting, _parts(Part.EYE)))

    other = replace(person, seed=person.seed + 1, age=1.0, tone=1.0)
    pair = dict(compare((replace(person, age=0.1, tone=0.1), setting), (other, Attributes())))
    assert pair["Do both pictures show the same person?"] == "no"
    assert (pair["Who looks older?"], pair["Who has the darker skin?"]) == ("second", "second")
    assert pair["Which face is turned further to the side?"] == "first"
    assert pair["How many of the two wear glasses?"] == "1"
    chosen = pick(np.random.default_rng(0), questions(person, setting, parts), 5)
    assert len(set(chosen)) == 5 and all(answers[q.text] == q.answer for q in chosen)


def test_group_shares_hair_setting_and_background() -> None:
    rng = np.random.default_rng(3)
    made = group_set(
        rng, (11, 12, 13), "own", "train", size=48, settings=1, first_group=9, spread=Jitter(0.03, 0.03, 0.012)
    )
    (group,) = list(made)
    first, *others = group.members
    assert first.identity.seed == first.donor_seed == 11 and [m.identity.seed for m in others] == [12, 13]
    assert all(m.identity.hair == first.identity.hair and m.attributes == first.attributes for m in others)
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


def test_swap_truth() -> None:
    source, target = sample_identity(21, "own"), sample_identity(22, "own")
    setting = Attributes(background="studio", yaw_degrees=10)
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
    with pytest.raises(InputError, match="one head model"):
        render_swap(source, replace(target, head="facekit"), setting, 48)


def test_blend_keeps_target_bytes() -> None:
    target, swapped = np.full((2, 2, 3), 7, np.uint8), np.full((2, 2, 3), 250, np.uint8)
    mask = np.array([[0, 1], [0.5, 0]], np.float32)
    np.testing.assert_array_equal(blend(target, swapped, mask)[..., 0], [[7, 250], [128, 7]])


def test_shard_rerenders_bit_identically(tiny: Path) -> None:
    with np.load(shard_path(tiny, "swap", "train", 1)) as stored:
        again = render_shard(TINY, 1)
        assert set(stored.files) == set(again)
        for name in stored.files:
            np.testing.assert_array_equal(stored[name], again[name], err_msg=name)


def test_shard_content(tiny: Path) -> None:
    arrays = load_shards(tiny, "swap", "train")
    assert arrays["rgb"].shape == (8, 48, 48, 3) and arrays["rgb"].dtype == np.uint8
    assert arrays["parts"].shape == (8, 48, 48) and arrays["landmarks"].shape == (8, 68, 2)
    assert arrays["identity_vector"].shape == (8, len(IDENTITY_FIELDS))
    assert arrays["attribute_vector"].shape == (8, len(ATTRIBUTE_FIELDS))
    for group in np.unique(arrays["group"]):
        rows = np.nonzero(arrays["group"] == group)[0]
        assert len(rows) == 2 and len(set(arrays["identity"][rows])) == 2
        assert (arrays["donor"][rows] == arrays["identity"][rows[0]]).all()
        assert (arrays["attribute_vector"][rows] == arrays["attribute_vector"][rows[0]]).all()
    np.testing.assert_allclose(arrays["pose"] / 30, arrays["attribute_vector"][:, :3], atol=1e-6)
    eyes = arrays["landmarks"][:, 36:48].mean(1)
    assert np.abs(eyes / 48 - [0.5, 0.4]).max() < 0.12  # the crop is aligned
    for text, asked in zip(arrays["caption"], arrays["questions"], strict=True):
        assert text.startswith("An apparently ") and all(len(pair) == 2 for pair in json.loads(asked))
    assert list(load_shards(tiny, "swap", "train", ("pose",))) == ["pose"]
    with pytest.raises(InputError, match="no field"):
        load_shards(tiny, "swap", "train", ("alpha",))
    with pytest.raises(InputError, match="no portrait-test"):
        list_shards(tiny, "portrait", "test")


def test_resume_skips_whole_shards_and_mends_a_lost_one(tiny: Path) -> None:
    first, second = list_shards(tiny, "swap", "train")
    lost, kept = second.read_bytes(), first.stat().st_mtime_ns
    second.unlink()
    seen: list[tuple[int, int]] = []
    report = write_shards(tiny, TINY, 8, progress=lambda done, total: seen.append((done, total)))
    assert (report.written, report.skipped) == (1, 1) and seen == [(1, 2), (2, 2)]
    assert first.stat().st_mtime_ns == kept and len(second.read_bytes()) == len(lost)
    assert not list(tiny.glob(".*"))


def test_summary_counts_over_shards(tiny: Path) -> None:
    summary = summarize(tiny, "swap", "train")
    arrays = load_shards(tiny, "swap", "train")
    fields = {field.name: field for field in summary.fields}
    assert (summary.images, summary.shards, summary.groups) == (8, 2, 4)
    assert summary.people == len(set(arrays["identity"].tolist()))
    assert fields["rgb"].shape == arrays["rgb"].shape
    assert (fields["pose"].low, fields["pose"].high) == (arrays["pose"].min(), arrays["pose"].max())


def test_other_options_are_refused(tiny: Path) -> None:
    with pytest.raises(InputError, match="seed: 0 there, 1 asked"):
        write_shards(tiny, replace(TINY, seed=1), 8)
    assert read_world(tiny)["sets"]["swap-train"]["options"]["seed"] == 0
    assert len(list_shards(tiny, "swap", "train")) == 2
    with pytest.raises(InputError, match="identities"):
        replace(TINY, split="test", identities=5001)
    with pytest.raises(InputError, match="no world.json"):
        read_world(tiny / "nowhere")


def test_missing_head_model_is_told_before_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACESDK_FACEKIT", raising=False)
    with pytest.raises(InputError, match="FACESDK_FACEKIT"):
        write_shards(tmp_path / "d", replace(TINY, heads=("own", "facekit")), 4)
    assert not (tmp_path / "d").exists()


def test_failed_shard_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: object, **arrays: np.ndarray) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("train.data.face_world.shards.render_shard", lambda options, index: {"rgb": np.zeros(1)})
    monkeypatch.setattr("train.data.face_world.shards.np.savez", broken)
    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path, TINY, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["world.json"]


def test_portraits_have_alpha_and_full_truth() -> None:
    options = replace(TINY, kind="portrait", settings_per_set=1, truth="full")
    arrays = render_shard(options, 0)
    assert arrays["alpha"].dtype == np.uint8 and arrays["alpha"].max() == 255
    assert arrays["depth"].dtype == np.float16 and (arrays["depth"][arrays["alpha"] == 255] > 0).mean() > 0.9
    length = np.linalg.norm(arrays["normals"].astype(np.float32) / 127, axis=-1)
    assert np.abs(length[length > 0.5] - 1).max() < 0.02
    assert (arrays["donor"] == arrays["identity"]).all() and len(set(arrays["group"])) == len(arrays["group"])


def test_sheet_draws_and_saves(tmp_path: Path) -> None:
    rgb = np.zeros((20, 20, 3), np.uint8)
    marks = draw_landmarks(rgb, np.full((68, 2), 10.5), np.arange(68) > 66, 3)
    assert tuple(marks[31, 31]) == (0, 255, 0) and marks.shape == (60, 60, 3)
    assert grid([rgb + 9] * 3, 2).shape == (40, 40, 3) and not grid([rgb + 9] * 3, 2)[20:, 20:].any()
    save_png(tmp_path / "a" / "sheet.png", marks)
    assert (tmp_path / "a" / "sheet.png").read_bytes().startswith(b"\x89PNG")
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(MediaError):
        save_png(blocked / "sheet.png", marks)


def test_pool_writes_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    report = write_shards(tmp_path, TINY, 8, workers=2)
    assert report.written == 2
    alone, pooled = load_shards(tiny, "swap", "train"), load_shards(tmp_path, "swap", "train")
    for name, values in alone.items():
        np.testing.assert_array_equal(pooled[name], values, err_msg=name)
