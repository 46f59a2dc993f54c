"""A pack whose generator obeys the contract, and whose flow is a linear equation that can be solved by hand.

dx/dt = RATE (target - x), so x(e) = target + exp(-RATE (e - t)) (x(t) - target). target = condition @ PULL, plus the
identity's first numbers; without a condition it is 0. The graph gives the exact mean velocity for end != time, so
Euler's method is exact with any number of steps, and every other solver, which asks for end = time, has its own order.
A latent is a picture of 2 x 2 cells: the decoder enlarges it, the encoder averages it, and each undoes the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.attributes import Attribute, Vocabulary
from facesdk.pack.manifest import FamilySpec
from facesdk.pack.reader import Pack
from facesdk.pack.writer import GraphContent, PackContent, write_pack
from facesdk.sampling.prior import AttributePrior
from tests.facesdk.fake_pack import (
    GraphMaker,
    Shape,
    blending,
    decoder,
    detector,
    encoder,
    landmarks,
    parser,
    recogniser,
    write_fake_pack,
)

F32 = NDArray[np.float32]

RATE = 2.0
SIDE = 64
LATENT = 12
IDENTITY = 512
WORDS = Vocabulary(
    [
        Attribute("smile", "scalar"),
        Attribute("yaw", "scalar", -45.0, 45.0),
        Attribute("glasses", "flag"),
        Attribute("hair", "choice", choices=("black", "red", "bald")),
    ]
)
PULL: F32 = np.random.default_rng(3).uniform(-0.2, 0.2, (WORDS.width, LATENT)).astype(np.float32)
GUIDANCE = 2.0
PRIOR_GUIDANCE = 1.5
Sampler = Literal["right", "marked", "older", "none"]
# Of the attributes: who wears glasses has red hair, and who is bald does not smile.
PEOPLE = [
    *({"smile": 0.1 * i, "yaw": 3.0 * i, "glasses": True, "hair": "red"} for i in range(10)),
    *({"smile": 0.05, "yaw": -4.0 * i, "glasses": False, "hair": "bald"} for i in range(10)),
    *({"smile": 0.1 * i, "glasses": False, "hair": "black"} for i in range(10)),
]
PRIOR = AttributePrior(WORDS, PEOPLE)


def exact(x: NDArray[np.floating], target: NDArray[np.floating], start: float = 0.0, end: float = 1.0) -> F32:
    """The solution of the equation: x (N, D) from time start to end."""
    return np.asarray(target + np.exp(-RATE * (end - start)) * (x - target), np.float32)


def _velocity(g: GraphMaker, x: str, span: str, condition: str, identity: str) -> str:
    """Mean velocity over a span of time (batch, 1): (1 - exp(-RATE span)) / span (target - x); RATE at span 0."""
    take = np.eye(IDENTITY, LATENT, dtype=np.float32)
    target = g.op("Add", g.op("MatMul", condition, g.constant(PULL)), g.op("MatMul", identity, g.constant(take)))
    still = g.op("Equal", span, g.constant(0.0))
    safe = g.op("Where", still, g.constant(1.0), span)
    decay = g.op("Exp", g.op("Mul", safe, g.constant(-RATE)))
    mean = g.op("Div", g.op("Sub", g.constant(1.0), decay), safe)
    return g.op("Mul", g.op("Where", still, g.constant(RATE), mean), g.op("Sub", target, x))


def velocity_graph(paint: float = 1.0) -> GraphContent:
    """paint: what the velocity is multiplied with; NaN makes a broken network."""
    g = GraphMaker()
    span = g.op("Unsqueeze", g.op("Sub", "end", "time"), g.constant([1], np.int64))
    g.op("Mul", _velocity(g, "latent", span, "condition", "identity"), g.constant(paint), out="velocity")
    inputs: dict[str, Shape] = {
        "latent": ("batch", LATENT),
        "time": ("batch",),
        "end": ("batch",),
        "condition": ("batch", WORDS.width),
        "identity": ("batch", IDENTITY),
    }
    return g.content(inputs, {"velocity": ("batch", LATENT)})


def sampler_graph(mark: float = 0.0, base: bool = True) -> GraphContent:
    """Four guided Euler steps in one graph; `mark` is added to the result. `base`: as packs have it since there is a
    prior of the attributes; without, guidance starts from nothing."""
    g = GraphMaker()
    weight = g.op("Unsqueeze", "guidance", g.constant([1], np.int64))
    nothing = [g.op("Mul", name, g.constant(0.0)) for name in ("condition", "identity")]
    if base:
        nothing[0] = "base"
    x = "noise"
    for _ in range(4):
        # The span is made of the guidance's rows, so that it has a batch axis.
        span = g.op("Add", g.op("Mul", weight, g.constant(0.0)), g.constant(0.25))
        u0 = _velocity(g, x, span, *nothing)
        u1 = _velocity(g, x, span, "condition", "identity")
        guided = g.op("Add", u0, g.op("Mul", weight, g.op("Sub", u1, u0)))
        x = g.op("Add", x, g.op("Mul", guided, g.constant(0.25)))
    g.op("Add", x, g.constant(mark), out="latent")
    inputs: dict[str, Shape] = {
        "noise": ("batch", LATENT),
        "condition": ("batch", WORDS.width),
        "identity": ("batch", IDENTITY),
        **({"base": ("batch", WORDS.width)} if base else {}),
        "guidance": ("batch",),
    }
    return g.content(inputs, {"latent": ("batch", LATENT)})


def decoder_graph() -> GraphContent:
    """(batch, 12) -> 2 x 2 cells of 32 px."""
    g = GraphMaker()
    cells = g.op("Reshape", "latent", g.constant([-1, 3, 2, 2], np.int64))
    large = g.op("Resize", cells, "", g.constant([1, 1, SIDE // 2, SIDE // 2]), mode="nearest")
    g.op("Clip", large, g.constant(-1.0), g.constant(1.0), out="image")
    return g.content({"latent": ("batch", LATENT)}, {"image": ("batch", 3, SIDE, SIDE)})


def encoder_graph() -> GraphContent:
    """Means of the four cells."""
    g = GraphMaker()
    cells = g.op("AveragePool", "image", kernel_shape=[SIDE // 2] * 2, strides=[SIDE // 2] * 2)
    g.op("Reshape", cells, g.constant([-1, LATENT], np.int64), out="latent")
    g.op("Mul", "latent", g.constant(0.0), out="log_variance")
    outputs: dict[str, Shape] = {"latent": ("batch", LATENT), "log_variance": ("batch", LATENT)}
    return g.content({"image": ("batch", 3, SIDE, SIDE)}, outputs)


def family(**changes: object) -> FamilySpec:
    """The family's entry in the manifest; `changes` replace its extra keys."""
    return FamilySpec(
        tasks=("generate", "edit"),
        graphs={},
        preprocessing={
            "color": "rgb",
            "layout": "nchw",
            "mean": 127.5,
            "scale": 127.5,
            "crops": {"generate": {"template": "canon", "size": SIDE}},
        },
        extra={
            "latent": LATENT,
            "attributes": WORDS.to_manifest(),
            "sampler": {"path": "condot", "steps": [1, 2, 4], "default_steps": 4, "guidance": GUIDANCE},
            **changes,
        },
    )


def family_with_prior() -> FamilySpec:
    """The entry of a pack whose faces draw what nobody asked for."""
    sampler = {"path": "condot", "steps": [1, 2, 4], "default_steps": 4, "guidance": GUIDANCE}
    return family(sampler={**sampler, "prior_guidance": PRIOR_GUIDANCE}, attribute_prior=PRIOR.to_manifest())


def write_generator_pack(
    path: Path, sampler: Sampler = "right", paint: float = 1.0, entry: FamilySpec | None = None, name: str = "people"
) -> Pack:
    """Writes a pack with the fake faces and swap, and this generator, into a folder that does not exist yet."""
    fake = write_fake_pack(path.parent / f"{path.name}_swap_only").manifest
    graphs = {
        ("faces", "detector"): detector(),
        ("faces", "landmarks"): landmarks(),
        ("faces", "recogniser"): recogniser(),
        ("faces", "parser"): parser(),
        ("style_swap", "encoder"): encoder(),
        ("style_swap", "blending"): blending(),
        ("style_swap", "decoder"): decoder(),
        ("latent_flow", "encoder"): encoder_graph(),
        ("latent_flow", "decoder"): decoder_graph(),
        ("latent_flow", "velocity"): velocity_graph(paint),
    }
    if sampler != "none":
        graphs["latent_flow", "sampler"] = sampler_graph(0.25 if sampler == "marked" else 0.0, sampler != "older")
    content = PackContent(
        name=name,
        version="0.0.1",
        preset="nano",
        license_spdx="Apache-2.0",
        families={
            "faces": fake.families["faces"],
            "style_swap": fake.families["style_swap"],
            "latent_flow": entry or family(),
        },
        graphs=graphs,
        files={"LICENSE": b"Apache-2.0"},
    )
    return write_pack(path, content)
