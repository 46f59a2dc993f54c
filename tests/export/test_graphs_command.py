from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from typer.testing import CliRunner

from export.__main__ import app
from export.families.by_name import sized_preset, untrained_family
from export.parity import check_parity, random_batches
from export.to_onnx import to_onnx
from facesdk.errors import InputError
from facesdk.runtime.onnx_session import import_onnxruntime

runner = CliRunner()


def _run(*arguments: object) -> str:
    result = runner.invoke(app, ["graphs", *(str(a) for a in arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def _batch(path: Path) -> list[int | str]:
    graph = onnx.load(path).graph
    dims = [value.type.tensor_type.shape.dim[0] for value in (*graph.input, *graph.output)]
    return [dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in dims]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_is_in_every_shape_and_agrees_with_torch(batch: int) -> None:
    torch.set_num_threads(1)
    graph = next(g for g in untrained_family("style_swap", "tiny").graphs if g.name == "decoder")
    fixed = graph.at_batch(batch)
    model = to_onnx(fixed)
    shapes = [value.type.tensor_type.shape.dim[0].dim_value for value in (*model.graph.input, *model.graph.output)]
    assert set(shapes) == {batch}
    assert [len(feeds["codes"]) for feeds in random_batches(fixed)] == [batch] * 3
    rows = check_parity(fixed, model.SerializeToString(), None, ("onnxruntime",))
    assert all(row.ok for row in rows)
    # The free one is as it was.
    assert graph.fixed_batch is None and graph.inputs[0].shape[0] == "batch"


def test_files_are_written_with_batch_and_form_of_choice(tmp_path: Path) -> None:
    text = _run("style_swap", "--preset", "tiny", "--random-weights", "--graph", "decoder", "-o", tmp_path,
                "--batch", 2, "--adain", "operator")  # fmt: skip
    (path,) = tmp_path.iterdir()
    assert path.name == "style_swap.decoder.onnx" and path.name in text and "batch 2" in text
    assert set(_batch(path)) == {2} and [f.name for f in onnx.load(path).functions] == ["FusedAdaIN"]
    session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    feeds = {one.name: np.zeros(one.shape, np.float32) for one in session.get_inputs()}
    assert session.run(None, feeds)[0].shape[0] == 2


def test_attention_becomes_the_operator_of_onnx_runtime(tmp_path: Path) -> None:
    text = _run("style_swap", "--preset", "tiny", "--random-weights", "--graph", "blending", "-o", tmp_path,
                "--attention", "operator")  # fmt: skip
    (path,) = tmp_path.iterdir()
    assert path.name in text
    assert sum(node.op_type == "MultiHeadAttention" for node in onnx.load(path).graph.node) == 4


def test_the_size_names_the_preset() -> None:
    assert [sized_preset("paper", size) for size in (256, 512, 1024)] == ["paper_256", "paper_512", "paper"]
    with pytest.raises(InputError, match="of 300 px"):
        sized_preset("paper", 300)


def test_what_contradicts_itself_is_refused(tmp_path: Path) -> None:
    for arguments, reason in (
        (["style_swap", "-o", tmp_path], "--weights or --random-weights"),
        (["style_swap", "-o", tmp_path, "--random-weights", "--adain", "x"], "--adain x"),
        (["style_swap", "-o", tmp_path, "--random-weights", "--precision", "fp16", "--adain", "moments"], "fp16"),
        (["style_swap", "-o", tmp_path, "--random-weights", "--attention", "x"], "--attention x"),
        (["style_swap", "-o", tmp_path, "--random-weights", "--precision", "fp16", "--attention", "operator"], "fp16"),
        (["style_swap", "-o", tmp_path, "--random-weights", "--preset", "tiny", "--graph", "x"], "no graph x"),
    ):
        with pytest.raises(InputError, match=reason):
            _run(*arguments)
    assert not list(tmp_path.iterdir())
