from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from bench.__main__ import app
from bench.backends import command as backends_command
from bench.backends import swap_chain
from bench.backends.ceilings import Ceilings, measure_ceilings
from bench.backends.command import BackendsBench
from bench.backends.graph_work import GraphWork, graph_work, product_flops
from bench.backends.graphs import COMPILED, EAGER, GraphBench, graph_figures, measure_graph, torch_run
from bench.backends.int8_swap import graph_figures as int8_figures
from bench.backends.roofline import roofline_png
from bench.backends.subjects import HALF, PLAIN, Subject, family_subjects, pack_subjects, random_feeds
from bench.backends.swap_chain import chain_report, measure_chain
from bench.gate import GateError
from bench.parity import measure_parity
from bench.timing import Timing
from export.families.by_name import untrained_family
from export.families.family import Family
from export.final_picture import FLOORS, GRAPHS
from export.torch_graph import Floor
from facesdk.pack import GraphSpec, Pack
from tests.facesdk.fake_pack import write_fake_pack

CEILINGS = Ceilings({"f32": 1e11, "bf16": 2e11}, 1e10)


@pytest.fixture(scope="module")
def swap() -> Family:
    torch.set_num_threads(1)
    return untrained_family("style_swap", "tiny")


@pytest.fixture(scope="module")
def subjects(swap: Family, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Subject]:
    return {one.key.partition(".")[2]: one for one in family_subjects(swap, tmp_path_factory.mktemp("graphs"))}


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return write_fake_pack(tmp_path_factory.mktemp("packs") / "fake")


def made_up(work: GraphWork, **times: float) -> GraphBench:
    subject = Subject("f.g", GraphSpec("", "", 1, "fp32", (), ()), Path(), Path(), {}, work)
    return GraphBench(subject, {name: Timing({"total": (ms, ms)}) for name, ms in times.items()}, {})


@pytest.mark.parametrize(
    ("kind", "first", "second", "out", "flops"),
    [
        # A 3x3 convolution of 4 to 8 channels on 10x6 pixels: 60 * 8 * 4 * 9 multiplications.
        ("Convolution", (1, 4, 10, 6), (8, 4, 3, 3), (1, 8, 10, 6), 2 * 60 * 8 * 36),
        ("GroupConvolution", (1, 8, 10, 6), (8, 1, 1, 3, 3), (1, 8, 10, 6), 2 * 60 * 8 * 9),
        # Transposed: every pixel that goes in is multiplied by 4 x 4 taps for each pair of channels.
        ("ConvolutionBackpropData", (1, 4, 5, 3), (4, 8, 4, 4), (1, 8, 10, 6), 2 * 15 * 4 * 8 * 16),
        ("MatMul", (3, 5), (5, 7), (3, 7), 2 * 3 * 5 * 7),
    ],
)
def test_operations_are_counted(
    kind: str, first: tuple[int, ...], second: tuple[int, ...], out: tuple[int, ...], flops: int
) -> None:
    assert product_flops(kind, first, second, out) == flops


def test_a_turned_matrix_has_its_inner_side_first() -> None:
    assert product_flops("MatMul", (5, 3), (5, 7), (3, 7), turned=True) == 2 * 3 * 5 * 7


def test_a_graphs_work_is_that_of_its_network(swap: Family, subjects: dict[str, Subject]) -> None:
    work = subjects["blending"].work
    blending = swap.graphs[1].owners[0]
    # Two matrices that start at zero are one in the file.
    distinct = {weight.detach().numpy().tobytes(): weight for weight in blending.parameters() if weight.ndim == 2}
    matrices = sum(weight.numel() for weight in distinct.values())
    # Eight rows each; attention's own products come on top.
    assert work.weights == matrices and work.flops > 2 * 8 * matrices
    edges = sum(int(np.prod([1 if d == "batch" else d for d in t.shape]))
                for t in (*swap.graphs[1].inputs, *swap.graphs[1].outputs))  # fmt: skip
    assert work.edge_bytes == 4 * edges and work.least_bytes(2.0) == 2 * matrices + 4 * edges
    spec = subjects["blending"].spec
    twice = graph_work(subjects["blending"].plain, spec.inputs, {"batch": 2})
    assert twice.flops == 2 * work.flops and twice.weights == work.weights


def test_plain_is_what_torch_exports_and_agrees(subjects: dict[str, Subject]) -> None:
    for subject in subjects.values():
        assert subject.torch is not None
        want = subject.torch.run_torch(subject.feeds)
        got = subject.open_plain(1).run(subject.feeds)
        for name, value in want.items():
            np.testing.assert_allclose(got[name], value, atol=2e-3)
    import onnx

    plain, ours = (onnx.load(path) for path in (subjects["decoder"].plain, subjects["decoder"].path))
    kinds = [{node.op_type for node in model.graph.node} for model in (plain, ours)]
    assert "InstanceNormalization" not in kinds[0] and "InstanceNormalization" in kinds[1]
    assert {w.data_type for w in plain.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


def test_every_backend_is_timed_with_its_rival(subjects: dict[str, Subject]) -> None:
    bench = measure_graph(subjects["blending"], ("onnxruntime",), rounds=5, threads=1, compiled=False)
    assert set(bench.timings) == {PLAIN, "onnxruntime", EAGER} and COMPILED not in bench.timings
    names = [figure.name for figure in graph_figures(bench, CEILINGS)]
    assert sum("times faster than plain" in name for name in names) == 2
    assert torch.get_num_threads() == 1


def test_rates_are_those_of_the_plain_graph_under_the_ceiling() -> None:
    bench = made_up(GraphWork(10**9, 10**6, 10**6), **{PLAIN: 20.0, "openvino-bf16": 10.0})
    figures = {f.name: f.value for f in graph_figures(bench, CEILINGS)[:6]}
    # 1 GFLOP in 10 ms is 100 GFLOP/s, half of what bf16 can; 3 MB in 10 ms is 0.3 GB/s.
    assert figures["  operations"] == pytest.approx(100) and figures["  share of a bf16 product's"] == pytest.approx(50)
    assert figures["  least bytes"] == pytest.approx(0.3) and figures["  share of a copy's"] == pytest.approx(3)
    assert figures["  times faster than plain"] == pytest.approx(2) and bench.fastest == "openvino-bf16"


def test_torch_runs_what_the_graph_is_made_of(subjects: dict[str, Subject]) -> None:
    subject = subjects["encoder"]
    assert subject.torch is not None
    out = torch_run(subject.torch, compiled=False)(subject.feeds)
    np.testing.assert_allclose(out[0].numpy(), subject.torch.run_torch(subject.feeds)["codes"], atol=1e-5)  # type: ignore[index]


def test_ceilings_are_measured() -> None:
    ceilings = measure_ceilings(1)
    assert ceilings.flops["f32"] > 1e8 and ceilings.bytes_per_second > 1e7


def test_the_roofline_is_a_picture() -> None:
    benches = [made_up(GraphWork(10**9, 10**6, 10**6), **{PLAIN: 20.0, "openvino-bf16": 10.0})]
    assert roofline_png(benches, CEILINGS, "t").startswith(b"\x89PNG")


def test_a_swap_is_timed_end_to_end(swap: Family, subjects: dict[str, Subject]) -> None:
    timings = measure_chain(subjects, swap.features, ("onnxruntime",), rounds=5, threads=1)
    assert set(timings) == {PLAIN, "onnxruntime"} and set(timings[PLAIN].stages_ms) == {*GRAPHS, "total"}
    parts = sum(np.array(timings[PLAIN].stages_ms[stage]) for stage in GRAPHS)
    assert np.all(parts <= np.array(timings[PLAIN].stages_ms["total"]) + 0.01)


def test_the_bounds_are_those_of_bf16_at_their_size() -> None:
    times = {name: Timing({"total": (ms,), **dict.fromkeys(GRAPHS, (1.0,))}) for name, ms in
             ((PLAIN, 600.0), ("openvino-bf16", 90.0), ("openvino-f32", 300.0))}  # fmt: skip
    figures = chain_report(times, 256, "paper_256", 2, 5).figures
    bounded = [(f.name, f.must, f.aim, f.ok) for f in figures if f.must is not None or f.aim is not None]
    assert bounded == [
        ("one swap at 256 px, openvino-bf16, median", None, 100.0, None),
        ("  times faster than plain", 6.0, 12.0, True),
    ]
    large = chain_report(times, 1024, "paper", 2, 5).figures
    assert [(f.must, f.aim) for f in large if f.must is not None] == [(1000.0, 200.0)]


def test_no_speed_where_the_picture_is_another(
    swap: Family, subjects: dict[str, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap_chain, "FLOORS", {**FLOORS, "onnxruntime": Floor(psnr_db=500.0)})
    with pytest.raises(GateError, match="onnxruntime is .* dB from plain"):
        measure_chain(subjects, swap.features, ("onnxruntime",), rounds=5, threads=1)


def test_a_pack_is_measured_against_its_own_weights_in_float32(pack: Pack, tmp_path: Path) -> None:
    assert random_feeds(pack.graphs["faces.detector"])["image"].shape == (1, 3, 384, 640)
    subjects = list(pack_subjects(pack, tmp_path))
    assert [subject.key for subject in subjects] == list(pack.graphs) and subjects[0].torch is None
    bench = BackendsBench("fake", ("onnxruntime",), 5, 1, False, "1 passed")
    bench.add_pack(pack)
    report = bench.report()
    assert set(report.details) == set(pack.graphs) and report.settings["tests"] == "1 passed"
    assert all(figure.value is not None for figure in report.figures)


def test_parity_holds_every_backend_and_float16(swap: Family) -> None:
    report = measure_parity(swap, ("onnxruntime",), faces=2)
    finals = [figure for figure in report.figures if figure.name.startswith("final picture")]
    assert [(f.name.rsplit(", ", 1)[1], f.must, f.aim) for f in finals] == [
        ("onnxruntime", 55.0, None), (HALF, 40.0, 50.0),
    ]  # fmt: skip
    assert report.ok and set(report.details) == {*(graph.key for graph in swap.graphs), "final picture"}
    assert {row["backend"] for row in report.details["style_swap.decoder"]} == {"onnxruntime", HALF}


def test_int8_must_gain_and_stay_near() -> None:
    def worth(decibels: float, int8_ms: float) -> float | None:
        times = {"int8": Timing({"total": (int8_ms,)}), "openvino-bf16": Timing({"total": (12.0,)})}
        return int8_figures("g", decibels, times, 50, 100)[-1].value

    assert [worth(45, 8), worth(45, 11), worth(35, 8)] == [1, 0, 0]


def test_the_command_writes_figures_and_plot(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.__main__._ready", lambda name, backend: (pack, ("onnxruntime",), "ok"))
    monkeypatch.setattr(backends_command, "measure_ceilings", lambda threads: CEILINGS)
    figures, plot = tmp_path / "f.json", tmp_path / "roof.png"
    result = CliRunner().invoke(app, ["backends", "--rounds", "5", "--threads", "1", "--json", str(figures),
                                      "--plot", str(plot)])  # fmt: skip
    assert result.exit_code == 0, result.output
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert json.loads(figures.read_text())["settings"]["subject"] == f"{pack.name} {pack.manifest.version}"
