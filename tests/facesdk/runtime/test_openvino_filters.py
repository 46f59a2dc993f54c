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


@pytest.mark.parametrize("family,graph", [("style_swap", "encoder"), ("faces", "landmarks")])
def test_only_scaled_filters_are_touched(family: str, graph: str) -> None:
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().read_model(open_pack("nano").graph(family, graph))

    def sources() -> list[str]:
        """What gives each convolution its filters."""
        nodes = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
        return [node.input_value(1).get_node().get_type_name() for node in nodes]

    before = sources()
    # Small filters are float16 or float32: a Convert, which OpenVINO unpacks rightly, or a Constant.
    assert set(before) > {"Multiply"}
    assert unpack_filters(model) == before.count("Multiply") > 0
    assert sources() == ["Constant" if kind == "Multiply" else kind for kind in before]
