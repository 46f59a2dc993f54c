"""The table by which a pack says when a face is unlike what it knows: measured on rendered people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.faces.analyze import FAMILY, FaceAnalyzer
from facesdk.faces.typical import KEY, TypicalTable, face_signals
from facesdk.pack import FamilySpec, Pack
from facesdk.pack.writer import write_whole
from facesdk.types import U8
from train.data.degrade import MILD, degrade
from train.data.face_world.shards import load_shards

GRAPHS = ("detector", "landmarks")  # whose answers are among the signals
LEVELS = 201
LEAST = 100
RIDGE = 1e-3  # of each signal's variance: keeps the inverse calm where two signals say the same


def add_typical(folder: Path, data: Path, pictures: int, backend: str = "auto", seed: int = 0) -> TypicalTable:
    """Measures a pack and writes it anew with the table in its manifest, signed by this machine; all or nothing.

    What is usual is taken from people of the training split, how far away a face may lie from those of validation, half
    of the pictures as a moderate camera spoils them.

    Args:
        folder: the pack.
        data: folder with portrait shards of both splits.
        pictures: of each split, at most.
        backend: runtime backend.
        seed: of the choice and of the damage.

    Raises:
        InputError: too few faces were found.
        PackError: the pack is faulty or cannot be written; it is then as it was.
    """
    pack = Pack(folder)
    with FaceAnalyzer(_without(pack), backend) as analyzer:
        parts = [measure_signals(analyzer, _pictures(data, split, pictures, seed)) for split in ("train", "validation")]
    digests = {name: pack.manifest.graph(FAMILY, name).sha256 for name in GRAPHS}
    table = fit_typical(*parts, digests)
    manifest, family = pack.manifest, pack.manifest.family(FAMILY)
    families = {**manifest.families, FAMILY: replace(family, extra={**family.extra, KEY: table.document()})}
    files = {file: pack.read(file) for file in manifest.listed()}
    write_whole(folder, replace(manifest, families=families), files, overwrite=True)
    return table


def measure_signals(analyzer: FaceAnalyzer, images: Sequence[U8]) -> NDArray[np.float64]:
    """(N, K) signals of all faces that are found in pictures.

    Raises:
        InputError: too few faces to say what is usual, or a landmark net that does not say how sure it is.
    """
    rows = []
    for image in images:
        faces, _ = analyzer.analyze_timed(image, recognise=False, parse=False)
        rows += [signals for signals in (face_signals(image, face) for face in faces) if signals is not None]
    if len(rows) < LEAST:
        raise InputError(
            f"only {len(rows)} faces with all signals in {len(images)} pictures, {LEAST} or more expected.",
            "Give more pictures, and a pack whose landmark net tells presence.",
        )
    return np.stack(rows)


def fit_typical(usual: NDArray[np.float64], calibration: NDArray[np.float64], graphs: dict[str, str]) -> TypicalTable:
    """The table from signals.

    Args:
        usual: (N, K) for mean and covariance.
        calibration: (M, K) of other people, for the distances.
        graphs: name -> sha256.
    """
    spread = usual.var(0)
    # A signal that never varies would make the inverse explode on the first picture that differs in its last bit.
    floor = RIDGE * np.maximum(spread, 1e-6)
    precision = np.linalg.inv(np.cov(usual.T) + np.diag(floor))
    table = TypicalTable(usual.mean(0), precision, np.zeros(2), len(calibration), graphs)
    distances = np.array([table.distance(row) for row in calibration])
    return replace(table, distances=np.quantile(distances, np.linspace(0, 1, LEVELS)))


def drop_stale(family: FamilySpec, graphs: dict[str, str]) -> FamilySpec:
    """The family without its table where graphs that it was made with have changed.

    Args:
        family: entry of the faces.
        graphs: name -> sha256 as they are now.
    """
    table = family.extra.get(KEY)
    if table is None or all(graphs.get(name) == digest for name, digest in table["graphs"].items()):
        return family
    return replace(family, extra={name: value for name, value in family.extra.items() if name != KEY})


def _without(pack: Pack) -> Pack:
    """The pack as if it had no table: the older one must not be asked while a new one is made."""
    family = drop_stale(pack.manifest.family(FAMILY), {})
    pack.manifest = replace(pack.manifest, families={**pack.manifest.families, FAMILY: family})
    return pack


def _pictures(data: Path, split: str, count: int, seed: int) -> list[U8]:
    rng = np.random.default_rng([seed, len(split)])
    rgb = load_shards(data, "portrait", split, ("rgb",))["rgb"]  # type: ignore[arg-type]
    rows = rng.permutation(len(rgb))[:count]
    return [degrade(rgb[row], rng, MILD) if number % 2 else rgb[row] for number, row in enumerate(rows)]
