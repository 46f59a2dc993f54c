"""From networks to a pack to the runtime's own sessions: what export writes is what facesdk reads and runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from export.assemble import assemble
from export.families.faces import faces_family
from export.families.style_swap import style_swap_family
from facesdk.doctor import probe_pack
from facesdk.pack import Pack, open_pack
from facesdk.runtime.select import available_backends, open_session
from train.models.faces import PRESETS as FACES
from train.models.faces import Detector, Landmarks, Parser, Recogniser
from train.models.style_swap import PRESETS, StyleSwap

KINDS = {"detector": Detector, "landmarks": Landmarks, "recogniser": Recogniser, "parser": Parser}
TOLERANCES = {"onnxruntime": 5e-3, "openvino-f32": 5e-3, "openvino-bf16": 6e-2}


@pytest.fixture(scope="module")
def swap() -> StyleSwap:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = StyleSwap(PRESETS["tiny"]).eval()
    with torch.no_grad():
        # The gate and the flows start at zero: give them something to do.
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return net


@pytest.fixture(scope="module")
def pack(swap: StyleSwap, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    torch.manual_seed(1)
    out = tmp_path_factory.mktemp("packs") / "tiny"
    nets = {name: kind(FACES[name]["tiny"]).eval() for name, kind in KINDS.items()}
    assemble([style_swap_family(swap, {"seed": 0})], out)
    assemble([faces_family(nets, {name: {"seed": 1} for name in nets})], out)
    return open_pack(out)


def test_every_graph_of_the_contract_is_there(pack: Pack) -> None:
    faces = {f"faces.{name}" for name in KINDS}
    assert set(pack.graphs) == faces | {"style_swap.encoder", "style_swap.blending", "style_swap.decoder"}
    names = {key: [t.name for t in spec.inputs] for key, spec in pack.graphs.items()}
    assert names["faces.detector"] == ["image"] and names["faces.landmarks"] == ["crop"]
    assert names["style_swap.blending"] == ["codes_target", "codes_source"]
    swap = pack.manifest.families["style_swap"]
    assert names["style_swap.decoder"] == ["codes", *swap.features]
    assert [t.name for t in pack.graphs["style_swap.encoder"].outputs] == ["codes", *swap.features]
    scores = [f"{kind}_{stride}" for kind in ("score", "box", "points") for stride in (8, 16, 32)]
    assert [t.name for t in pack.graphs["faces.detector"].outputs] == scores
    assert swap.preprocessing["crops"]["swap"] == {"template": "canon", "size": PRESETS["tiny"].image_size}
    assert swap.codes == (PRESETS["tiny"].encoder.styles, PRESETS["tiny"].encoder.style_dim)


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("batch", [1, 3])
def test_the_three_graphs_in_a_row_are_torchs_swap(pack: Pack, swap: StyleSwap, backend: str, batch: int) -> None:
    rng = np.random.default_rng(batch)
    size = swap.config.image_size
    source, target = rng.uniform(-1, 1, (2, batch, 3, size, size)).astype(np.float32)
    encoder, blending, decoder = (
        open_session(pack, "style_swap", g, backend, 1) for g in ("encoder", "blending", "decoder")
    )
    encoded = encoder.run({"image": target})
    codes = blending.run(
        {"codes_target": encoded.pop("codes"), "codes_source": encoder.run({"image": source})["codes"]}
    )
    got = decoder.run({**codes, **encoded})
    with torch.no_grad():
        want = swap(torch.from_numpy(source), torch.from_numpy(target), noise="fixed")
    tolerance = TOLERANCES[backend]
    assert np.abs(codes["codes"] - want.codes.numpy()).mean() < tolerance
    assert np.abs(got["image"] - want.image.clamp(-1, 1).numpy()).mean() < tolerance
    assert np.abs(got["mask"] - want.mask.sigmoid().numpy()).mean() < tolerance
    # The comparison means something: another source gives another picture.
    assert np.abs(want.image.clamp(-1, 1).numpy()).std() > 0.05


def test_the_probe_agrees_in_every_backend(pack: Pack) -> None:
    results = probe_pack(pack, available_backends())
    assert len(results) == len(pack.graphs) * len(available_backends())
    assert [r for r in results if not r.ok] == []


def test_the_probe_tells_a_wrong_graph(pack: Pack, tmp_path: Path) -> None:
    """The parser with its weights disturbed, but the probe of the right one."""
    torch.manual_seed(5)
    other = tmp_path / "other"
    assemble([faces_family({"parser": Parser(FACES["parser"]["tiny"])}, {})], other)
    wrong = open_pack(other)
    expected = pack.probe()[1]["faces.parser.parts"]
    got = open_session(wrong, "faces", "parser", "onnxruntime", 1).run({"crop": pack.probe()[0]["faces.parser.crop"]})
    limit = 4 * pack.graphs["faces.parser"].parity["onnxruntime"]["mean_abs"]
    assert np.abs(got["parts"] - expected).mean() > 10 * limit


def test_no_file_names_this_machine(pack: Pack) -> None:
    for path in pack.path.rglob("*"):
        if path.is_file() and path.name != "LICENSE":
            data = path.read_bytes()
            for text in (b"site-packages", f"{Path.home()}/".encode(), str(Path.cwd()).encode()):
                assert text not in data, (path.name, text)
