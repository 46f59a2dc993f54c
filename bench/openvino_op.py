"""The style decoder in OpenVINO bf16, with the project's own layer against the standard operations, in turns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from bench.gate import GateError
from bench.report import BenchReport, Figure
from bench.timing import Timing, paired_ratio, time_in_turns
from export.assemble import PackOptions, export_graph
from export.families.style_swap import style_swap_family
from facesdk.pack import GraphSpec, open_pack
from facesdk.runtime.openvino_extension import own_layers
from facesdk.runtime.openvino_session import OpenvinoSession
from train.models.style_swap import PRESETS, StyleSwap

F32 = NDArray[np.float32]
GATE = ("tests/facesdk/runtime/test_openvino_extension.py", "tests/facesdk/runtime/test_style_weights.py")
PACK = "nano"
GRAPH = "style_swap.decoder"
SIDE = 256
# How much further from float32 than OpenVINO's own bf16 the mean may be: Winograd rounds once more.
MOST_ERROR = 1.5
# OpenVINO's threads spin on for a while after their work.
REST_SECONDS = 0.25


@dataclass(frozen=True)
class DecoderCase:
    """One decoder.

    Attributes:
        name: what the figures call it.
        spec, data: of the graph.
        feeds: its inputs, one face.
        must, aim: of the ratio, where the project promises one.
    """

    name: str
    spec: GraphSpec
    data: bytes
    feeds: Mapping[str, F32]
    must: float | None = None
    aim: float | None = None


def openvino_report(rounds: int) -> BenchReport | None:
    """Times every decoder on one thread and on two.

    Args:
        rounds: measured rounds of each.

    Returns:
        The ratios; None where the layer is not used on this machine, whose reason `own_layers` gives.

    Raises:
        GateError: the outputs with the layer are not those without it.
    """
    if own_layers().path is None:
        return None
    figures: list[Figure] = []
    details: dict[str, object] = {}
    for case in (paper_decoder(), pack_decoder()):
        details[f"{case.name}, parity"] = require_parity(case)
        for threads in (1, 2):
            name = f"{case.name}, {threads} thread" + "s" * (threads > 1)
            timings = time_in_turns(
                {kind: partial(_run, session, case.feeds) for kind, session in sessions(case, threads).items()},
                rounds,
                settle_seconds=REST_SECONDS,
            )
            figures += decoder_figures(name, case, timings)
            details[name] = {kind: timing.document() for kind, timing in timings.items()}
    return BenchReport("Style decoder in OpenVINO bf16", figures, {"most_error": MOST_ERROR}, details)


def decoder_figures(name: str, case: DecoderCase, timings: Mapping[str, Timing]) -> list[Figure]:
    """Both medians, and how many times faster the own layer makes the graph: the median over rounds."""
    own, standard = timings["own"], timings["standard"]
    ratio = paired_ratio(standard, own)
    return [
        Figure(f"{name}: with facesdk::StyleLayer, median", own.median_ms(), "ms", better="lower"),
        Figure("  with standard operations, median", standard.median_ms(), "ms", better="lower"),
        Figure("  times faster with the layer", ratio, "x", must=case.must, aim=case.aim),
    ]


def sessions(case: DecoderCase, threads: int) -> dict[str, OpenvinoSession]:
    """The runtime's own session with and without the layer."""
    return {
        name: OpenvinoSession(GRAPH, case.spec, case.data, threads, "bf16", own_layers=name == "own")
        for name in ("own", "standard")
    }


def require_parity(case: DecoderCase) -> dict[str, float]:
    """Mean differences from float32 of the picture, by kind.

    Raises:
        GateError: no layer was replaced, or the own one is further from float32 than the standard operations by more
            than MOST_ERROR.
    """
    want = OpenvinoSession(GRAPH, case.spec, case.data, 1, "f32").run(case.feeds)["image"]
    both = sessions(case, 1)
    errors = {name: float(np.abs(session.run(case.feeds)["image"] - want).mean()) for name, session in both.items()}
    if not both["own"].fused_layers:
        raise GateError(f"No speed is printed: no layer of {case.name} runs in facesdk::StyleLayer.")
    # A NaN is no agreement.
    if not errors["own"] <= MOST_ERROR * errors["standard"]:
        raise GateError(
            f"No speed is printed: {case.name} with facesdk::StyleLayer is {errors['own']:.3g} from float32, and "
            f"{errors['standard']:.3g} with standard operations."
        )
    return errors


def pack_decoder() -> DecoderCase:
    """The decoder of the embedded pack, on its probe."""
    pack = open_pack(PACK)
    family, _, graph = GRAPH.partition(".")
    spec, inputs = pack.graphs[GRAPH], pack.probe()[0]
    feeds = {tensor.name: inputs[f"{GRAPH}.{tensor.name}"][:1] for tensor in spec.inputs}
    return DecoderCase("nano decoder 128 px", spec, pack.graph(family, graph), feeds)


def paper_decoder(seed: int = 0) -> DecoderCase:
    """The paper's decoder up to 256 px with random weights and without the blur, exported as a pack would hold it."""
    paper = PRESETS["paper"]
    kept = paper.decoder.resolutions.index(SIDE) + 1
    decoder = replace(paper.decoder, channels=paper.decoder.channels[:kept], blur=False)
    # Only the decoder is measured: the encoder is as small as it can be with features of the same sizes.
    small = replace(
        paper.encoder,
        stage_depths=(1, 1, 1, 1),
        widths=(8, 8, 8, 512),
        styles_per_level=(4, 4, 2 * kept - 8),
        heads="shared",
        head_width=16,
        head_size=4,
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        net = StyleSwap(replace(paper, image_size=SIDE, encoder=small, decoder=decoder)).eval()
        for name, weight in net.decoder.named_parameters():
            if name.endswith((".bias", ".noise_weight")):
                torch.nn.init.normal_(weight, std=0.1)
    graph = next(graph for graph in style_swap_family(net, {}).graphs if graph.name == "decoder")
    data = export_graph(graph, PackOptions(backends=())).data
    rng = np.random.default_rng(seed)
    feeds = {t.name: rng.standard_normal((1, *t.shape[1:]), np.float32) for t in graph.inputs}
    spec = GraphSpec("", "", len(data), "fp16-weights", graph.inputs, graph.outputs)
    return DecoderCase("paper decoder 256 px", spec, data, feeds, must=1.15, aim=2.0)


def _run(session: OpenvinoSession, feeds: Mapping[str, F32]) -> Mapping[str, float]:
    start = time.perf_counter()
    session.run(feeds)
    return {"total": (time.perf_counter() - start) * 1e3}
