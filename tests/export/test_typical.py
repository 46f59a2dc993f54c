from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.typical import add_typical, drop_stale, fit_typical
from facesdk.errors import InputError
from facesdk.faces.analyze import FaceAnalyzer
from facesdk.faces.typical import KEY, SIGNALS
from facesdk.pack import FamilySpec, Pack
from tests.facesdk.fake_pack import picture, write_fake_pack

COUNT = len(SIGNALS)
FEW = 12


def test_half_of_the_calibration_lies_beyond_its_median() -> None:
    rng = np.random.default_rng(0)
    spread = np.linspace(0.1, 10, COUNT)
    usual, other = (rng.normal(size=(4000, COUNT)) * spread + 5 for _ in range(2))
    table = fit_typical(usual, other, {})
    shares = np.array([table.share(row) for row in rng.normal(size=(2000, COUNT)) * spread + 5])
    assert np.quantile(shares, (0.05, 0.5)) == pytest.approx([0.05, 0.5], abs=0.03)
    assert table.share(5 + 6 * spread) == pytest.approx(1 / 4001)
    # A signal that never varied does not blow up.
    usual[:, 3] = 5
    assert np.isfinite(fit_typical(usual, other, {}).precision).all()


def test_a_new_graph_makes_the_table_stale() -> None:
    family = FamilySpec(("detect",), {}, {}, extra={KEY: {"graphs": {"landmarks": "a"}}, "other": 1})
    assert drop_stale(family, {"landmarks": "a", "parser": "z"}) is family
    assert drop_stale(family, {"landmarks": "b"}).extra == {"other": 1}
    plain = FamilySpec(("swap",), {}, {})
    assert drop_stale(plain, {}) is plain


def _world(folder: Path, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for split in ("train", "validation"):
        rgb = np.stack([picture((256, 256), [(3, 3)], grey=int(rng.integers(60, 120))) for _ in range(count)])
        np.savez(folder / f"portrait-{split}-00000.npz", rgb=rgb)
    return folder


def test_the_table_goes_into_the_pack_and_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The fake detector knows undamaged markers only.
    monkeypatch.setattr("export.typical.degrade", lambda image, rng, config: image)
    monkeypatch.setattr("export.typical.LEAST", FEW)
    pack, world = write_fake_pack(tmp_path / "fake", presence=True), _world(tmp_path / "world", FEW)
    graphs = {name: pack.graph("faces", name) for name in pack.manifest.family("faces").graphs}
    for _ in range(2):  # a second time over the first one's table
        table = add_typical(tmp_path / "fake", world, 200, "onnxruntime")
    assert table.faces == FEW
    again = Pack(tmp_path / "fake")
    assert {name: again.graph("faces", name) for name in graphs} == graphs
    with FaceAnalyzer(again, "onnxruntime") as analyzer:
        (usual,) = analyzer.analyze(picture((256, 256), [(3, 3)], grey=90))
        (dark,) = analyzer.analyze(picture((256, 256), [(3, 3)], grey=10))
    assert usual.typical is not None and dark.typical == pytest.approx(1 / (FEW + 1)) and usual.typical > dark.typical


def test_too_few_faces_leave_the_pack_as_it_was(tmp_path: Path) -> None:
    pack = write_fake_pack(tmp_path / "fake", presence=True)
    with pytest.raises(InputError, match="only 4 faces"):
        add_typical(tmp_path / "fake", _world(tmp_path / "w", 4), 1000, "onnxruntime")
    assert Pack(tmp_path / "fake").manifest_bytes == pack.manifest_bytes
