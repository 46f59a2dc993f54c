"""The pipeline over a flow that can be solved by hand: which graph runs, where solvers end, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.doctor import examine
from facesdk.errors import BackendError, InputError, PackError
from facesdk.pack import Pack
from facesdk.pack.writer import GraphContent, PackContent, probe_bytes, write_pack
from facesdk.pipelines.latent_flow import FAMILY, FaceRequest, LatentFlowPipeline
from facesdk.runtime.select import available_backends, open_session
from facesdk.sampling.guidance import Condition
from facesdk.sampling.noise import normal_noise, share_after_noise
from facesdk.types import F32
from tests.facesdk.conftest import BACKEND
from tests.facesdk.tiny_generator import (
    GUIDANCE,
    IDENTITY,
    LATENT,
    PEOPLE,
    PRIOR_GUIDANCE,
    PULL,
    RATE,
    WORDS,
    exact,
    family,
    family_with_prior,
    write_generator_pack,
)

NOISE = np.random.default_rng(0).normal(size=(5, LATENT)).astype(np.float32)
ASKED = {"smile": 0.75, "hair": "red"}
TARGET = WORDS.vector(ASKED) @ PULL


@pytest.fixture(scope="module")
def pipeline(people_pack: Pack) -> LatentFlowPipeline:
    return LatentFlowPipeline(people_pack, BACKEND, 1)


@pytest.fixture(scope="module")
def people_with_prior(tmp_path_factory: pytest.TempPathFactory) -> LatentFlowPipeline:
    pack = write_generator_pack(tmp_path_factory.mktemp("packs") / "prior", entry=family_with_prior())
    return LatentFlowPipeline(pack, BACKEND, 1)


@pytest.fixture(scope="module")
def without_sampler(tmp_path_factory: pytest.TempPathFactory) -> LatentFlowPipeline:
    pack = write_generator_pack(tmp_path_factory.mktemp("packs") / "plain", "none")
    return LatentFlowPipeline(pack, BACKEND, 1)


def sampled(pipeline: LatentFlowPipeline, wanted: Condition, steps: int | None, solver: str, weight: float) -> F32:
    """Samples of NOISE with guidance from nothing."""
    return pipeline.sample(FaceRequest(NOISE, wanted, pipeline.condition({}), weight), steps, solver)


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_euler_with_the_mean_velocity_is_exact_with_any_steps(without_sampler, steps: int, weight: float):
    condition = without_sampler.condition(ASKED)
    got = sampled(without_sampler, condition, steps, "euler", weight)
    # Guidance of a linear field pulls to 0 + w (target - 0).
    np.testing.assert_allclose(got, exact(NOISE, weight * TARGET), atol=2e-6)


@pytest.mark.parametrize(("solver", "order"), [("midpoint", 2), ("heun", 2), ("rk4", 4)])
def test_the_other_solvers_keep_their_order_through_a_session(pipeline, solver: str, order: int):
    condition = pipeline.condition(ASKED)
    steps = (4, 8) if order < 4 else (2, 4)
    errors = [np.abs(sampled(pipeline, condition, n, solver, 2.0) - exact(NOISE, 2.0 * TARGET)).max() for n in steps]
    # Sessions compute in float32, and so few steps are not at the limit yet.
    assert order - 0.6 < np.log2(errors[0] / errors[1]) < order + 1.0


def test_dopri5_through_a_session(pipeline):
    got = sampled(pipeline, pipeline.condition(ASKED), None, "dopri5", 2.0)
    np.testing.assert_allclose(got, exact(NOISE, 2.0 * TARGET), atol=2e-4)


def test_four_euler_steps_are_the_one_call_graph(tmp_path: Path, pipeline, without_sampler):
    marked = LatentFlowPipeline(write_generator_pack(tmp_path / "marked", "marked"), BACKEND, 1)
    condition = pipeline.condition(ASKED)
    want = sampled(without_sampler, condition, 4, "euler", 2.0)
    np.testing.assert_allclose(sampled(pipeline, condition, 4, "euler", 2.0), want, atol=1e-6)
    np.testing.assert_allclose(sampled(marked, condition, 4, "euler", 2.0), want + 0.25, atol=1e-6)
    for steps, solver in ((2, "euler"), (8, "euler"), (16, "rk4")):
        got = sampled(marked, condition, steps, solver, 2.0)
        np.testing.assert_allclose(got, want, atol=1e-4)


def test_an_older_sampler_graph_starts_from_nothing_and_is_asked_for_nothing_else(tmp_path: Path, pipeline):
    older = LatentFlowPipeline(write_generator_pack(tmp_path / "older", "older"), BACKEND, 1)
    condition, other = pipeline.condition(ASKED), pipeline.condition({"yaw": 30})
    want = sampled(pipeline, condition, 4, "euler", 2.0)
    np.testing.assert_allclose(sampled(older, condition, 4, "euler", 2.0), want, atol=1e-6)
    request = FaceRequest(NOISE, condition, other, 2.0)
    got = older.sample(request, 4, "euler")
    np.testing.assert_allclose(got, pipeline.sample(request, 4, "euler"), atol=1e-5)
    assert np.abs(got - want).max() > 0.05


def test_a_face_draws_its_attributes_after_its_noise(people_with_prior):
    numbers = range(40)
    request = people_with_prior.request(9, numbers, {})
    np.testing.assert_array_equal(request.noise, [normal_noise(9, n, LATENT) for n in numbers])
    rows = [int(share_after_noise(9, n, LATENT) * len(PEOPLE)) for n in numbers]
    drawn = np.stack([WORDS.vector(PEOPLE[row]) for row in rows])
    np.testing.assert_allclose(request.wanted.attributes, drawn, atol=1e-6)
    assert not request.base.attributes.any() and request.guidance == PRIOR_GUIDANCE
    assert len(set(rows)) > 15 and set(rows) != {int(share_after_noise(8, n, LATENT) * 30) for n in numbers}
    got = people_with_prior.sample(request, 4, "euler")
    np.testing.assert_allclose(got, exact(request.noise, PRIOR_GUIDANCE * drawn @ PULL), atol=1e-5)
    # Every face has its own condition in the solvers too, and a face by itself is the one among others.
    np.testing.assert_allclose(people_with_prior.sample(request, 3, "euler"), got, atol=1e-5)
    alone = people_with_prior.request(9, [7], {})
    np.testing.assert_allclose(people_with_prior.sample(alone, 4, "euler")[0], got[7], atol=1e-6)


def test_a_wish_stands_beside_what_was_drawn_and_alone_is_exaggerated(people_with_prior):
    numbers = range(12)
    free = people_with_prior.request(9, numbers, {})
    request = people_with_prior.request(9, numbers, {"smile": 0.4})
    np.testing.assert_array_equal(request.noise, free.noise)
    wanted, base = request.wanted.attributes, request.base.attributes
    smile = WORDS.value_slots("smile")
    np.testing.assert_allclose(wanted - base, np.tile(WORDS.vector({"smile": 0.4}), (12, 1)), atol=1e-6)
    assert not base[:, smile].any() and not base[:, WORDS.known_slot("smile")].any()
    # What else was drawn is the same as without the wish, but for what does not go with it.
    glasses = WORDS.value_slots("glasses")
    np.testing.assert_array_equal(base[:, glasses], free.wanted.attributes[:, glasses])
    assert request.guidance == GUIDANCE and people_with_prior.request(9, [0], {"smile": 0.4}, None, 7.0).guidance == 7.0
    pull = base @ PULL + GUIDANCE * WORDS.vector({"smile": 0.4}) @ PULL
    np.testing.assert_allclose(people_with_prior.sample(request, 4, "euler"), exact(request.noise, pull), atol=1e-5)


def test_beside_a_likeness_and_in_older_packs_nothing_is_drawn(people_with_prior, pipeline):
    embedding = np.eye(IDENTITY, dtype=np.float32)[2]
    for each, given in ((people_with_prior, embedding), (pipeline, embedding), (pipeline, None)):
        for values in (ASKED, {}):
            request = each.request(9, [0, 3], values, given)
            np.testing.assert_array_equal(request.wanted.attributes, WORDS.vector(values))
            assert not request.base.attributes.any() and not request.base.identity.any()
            assert request.guidance == GUIDANCE and request.wanted.identity.any() == (given is not None)


@pytest.mark.parametrize(("solver", "steps"), [("heun", 64), ("rk4", 16), ("dopri5", None)])
def test_there_and_back(pipeline, solver: str, steps: int | None):
    condition = pipeline.condition(ASKED)
    latents = pipeline.flow(NOISE, condition, condition, 1.0, solver, steps)
    noise = pipeline.flow(latents, condition, condition, 1.0, solver, steps, 1.0, 0.0)
    np.testing.assert_allclose(noise, NOISE, atol=2e-3)
    half = pipeline.flow(latents, condition, condition, 1.0, solver, steps, 1.0, 0.5)
    np.testing.assert_allclose(half, exact(NOISE, TARGET, 0.0, 0.5), atol=2e-3)


def test_an_identity_is_followed(pipeline):
    embedding = np.eye(IDENTITY, dtype=np.float32)[2]
    got = sampled(pipeline, pipeline.condition({}, embedding), 4, "euler", 1.5)
    np.testing.assert_allclose(
        got - sampled(pipeline, pipeline.condition({}), 4, "euler", 1.5),
        [[0, 0, 1.5 * (1 - np.exp(-RATE)), *([0] * 9)]] * 5,
        atol=2e-6,
    )
    with pytest.raises(InputError, match="identity of shape"):
        pipeline.condition({}, embedding[:4])


def test_backends_agree_within_the_stated_tolerance(people_pack: Pack):
    backends = [name for name in available_backends() if name != "openvino-bf16"]
    latents, pictures = [], []
    for backend in backends:
        each = LatentFlowPipeline(people_pack, backend, 1)
        latents.append(sampled(each, each.condition(ASKED), 4, "euler", 2.0))
        pictures.append(each.decode(latents[-1]).astype(int))
    assert len(backends) >= 1
    for other, picture in zip(latents, pictures):
        np.testing.assert_allclose(other, latents[0], atol=1e-3)
        assert (np.abs(picture - pictures[0]) > 1).mean() < 1e-3


def test_a_network_that_returns_nan_makes_no_face(tmp_path: Path):
    broken = LatentFlowPipeline(write_generator_pack(tmp_path / "nan", "none", paint=float("nan")), BACKEND, 1)
    for solver, steps in (("euler", 4), ("dopri5", None)):
        with pytest.raises(BackendError, match="not finite"):
            sampled(broken, broken.condition({}), steps, solver, 1.0)


def test_euler_does_not_run_backwards(pipeline):
    condition = pipeline.condition({})
    with pytest.raises(InputError, match="Use midpoint, heun"):
        pipeline.flow(NOISE, condition, condition, 1.0, "euler", 4, 1.0, 0.0)


def test_a_pack_without_the_family(fake_pack: Pack):
    with pytest.raises(PackError, match="pack fake: no family 'latent_flow'; it has: faces, style_swap"):
        LatentFlowPipeline(fake_pack, BACKEND, 1)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"latent": None}, "does not say how it is sampled"),
        ({"sampler": {"path": "condot"}}, "does not say how it is sampled"),
        ({"sampler": {"path": "vp", "default_steps": 4, "guidance": 2.0}}, "path 'vp', 'condot' is known"),
        ({"attributes": WORDS.to_manifest()[:2]}, "the attributes make 4 numbers"),
        ({"attributes": "smile"}, "cannot be read"),
        ({"attribute_prior": ["0.5,0,1"]}, "prior of the attributes cannot be read"),
    ],
)
def test_a_manifest_that_does_not_fit(tmp_path: Path, changes: dict[str, object], text: str):
    pack = write_generator_pack(tmp_path / "odd", entry=family(**changes))
    with pytest.raises(PackError, match=text):
        LatentFlowPipeline(pack, BACKEND, 1)


def test_doctor_probes_the_family(tmp_path: Path, people_pack: Pack):
    rng = np.random.default_rng(2)
    inputs, expected, graphs = {}, {}, {}
    for name, spec in people_pack.manifest.family(FAMILY).graphs.items():
        key = f"{FAMILY}.{name}"
        feeds = {
            tensor.name: rng.uniform(0, 0.5, (2, *tensor.shape[1:])).astype(np.float32)  # type: ignore[arg-type]
            for tensor in spec.inputs
        }
        outputs = open_session(people_pack, FAMILY, name, BACKEND, 1).run(feeds)
        inputs |= {f"{key}.{tensor}": values for tensor, values in feeds.items()}
        expected |= {f"{key}.{tensor}": values for tensor, values in outputs.items()}
        graphs[FAMILY, name] = GraphContent(people_pack.graph(FAMILY, name), spec.inputs, spec.outputs, "fp32")
    files = {
        "LICENSE": b"Apache-2.0",
        "probe/input.npz": probe_bytes(inputs),
        "probe/expected.npz": probe_bytes(expected),
    }
    content = PackContent("probed", "0.0.1", "nano", "Apache-2.0", {FAMILY: family()}, graphs, files)
    report = examine([write_pack(tmp_path / "probed", content)])
    assert report.ok, report.text()
    assert {probe.graph for probe in report.packs[0].probes} == {
        f"{FAMILY}.{name}" for name in ("encoder", "decoder", "velocity", "sampler")
    }


def test_the_manifest_keeps_what_the_family_says(people_pack: Pack):
    extra = Pack(people_pack.path).manifest.family("latent_flow").extra
    assert extra == family().extra
