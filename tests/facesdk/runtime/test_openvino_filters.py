"""Int8 filters, unpacked before OpenVINO compiles: the results of one stream and of several are the same."""

from __future__ import annotations

import numpy as np
import pytest

from facesdk.pack import open_pack
from facesdk.runtime.openvino_filters import unpack_filters
from facesdk.runtime.openvino_session import OpenvinoSession

GRAPHS = [("style_swap", "encoder"), ("style_swap", "decoder"), ("faces", "recogniser"), ("latent_flow", "decoder")]


@pytest.mark.parametrize("family,graph", GRAPHS)
def test_faces_together_are_what_they_are_alone(family: str, graph: str) -> None:
    pytest.importorskip("openvino")
    pack = open_pack("nano")
    spec = pack.manifest.graph(family, graph)
    session = OpenvinoSession(f"{family}.{graph}", spec, pack.graph(family, graph), 2, "f32")
    stored, _ = pack.probe()
    rng = np.random.default_rng(0)
    one = {tensor.name: stored[f"{family}.{graph}.{tensor.name}"] for tensor in spec.inputs}
    many = {
        name: np.concatenate([value * np.float32(rng.uniform(0.8, 1.0)) for _ in range(3)])
        for name, value in one.items()
    }
    together = session.run(many)
    for row in range(3):
        alone = session.run({name: value[row : row + 1] for name, value in many.items()})
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][row], value[0], atol=1e-3 * np.abs(value).max(), err_msg=name)


def test_only_scaled_filters_are_touched() -> None:
    openvino = pytest.importorskip("openvino")
    pack = open_pack("nano")
    core = openvino.Core()
    encoder, landmarks = (
        core.read_model(pack.graph(*key)) for key in (("style_swap", "encoder"), ("faces", "landmarks"))
    )
    kinds = [node.input_value(1).get_node().get_type_name() for node in encoder.get_ordered_ops()
             if node.get_type_name() == "Convolution"]  # fmt: skip
    assert unpack_filters(encoder) == kinds.count("Multiply") > 0
    after = [node.input_value(1).get_node().get_type_name() for node in encoder.get_ordered_ops()
             if node.get_type_name() == "Convolution"]  # fmt: skip
    assert "Multiply" not in after and len(after) == len(kinds)
    assert unpack_filters(landmarks) == 0  # float16, which OpenVINO unpacks rightly
