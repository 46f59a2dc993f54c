"""Reads ICT-FaceKit's geometry: a packed ict_facekit.npz, or the OBJ files of a clone.

Source: https://github.com/ICT-VGL/ICT-FaceKit (MIT, USC Institute for Creative Technologies, 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesdk.errors import InputError
from train.data.face_world.types import F32, I32

PACK_NAME = "ict_facekit.npz"
IDENTITY_MODES = 100
VERTEX_COUNT = 26719
# In the clone's own order of materials; a triangle's material is an index here.
MATERIALS = (
    "M_Face",
    "M_BackHead",
    "M_GumsTongue",
    "M_Teeth",
    "M_ScleraLeft",
    "M_IrisLeft",
    "M_ScleraRight",
    "M_IrisRight",
    "M_LacrimalFluid",
    "M_EyeBlend",
    "M_EyeOcclusion",
    "M_EyeLashes",
)
_NOT_EXPRESSIONS = ("generic_neutral_mesh", "identity")


@dataclass(frozen=True)
class FacekitGeometry:
    """What FaceKit ships, untouched. Centimetres.

    Attributes:
        vertices: (26719, 3) float32 neutral mesh.
        uv: (U, 2) float32; the integer part of u is the tile.
        triangles: (T, 3) int32 into vertices.
        uv_triangles: (T, 3) int32 into uv.
        material: (T,) int32 into MATERIALS.
        identity: (100, 26719, 3) float32 offsets at one standard deviation.
        expressions: (M, 26719, 3) float32 offsets at weight 1.
        names: M names of the expressions, in FaceKit's spelling.
    """

    vertices: F32
    uv: F32
    triangles: I32
    uv_triangles: I32
    material: I32
    identity: F32
    expressions: F32
    names: tuple[str, ...]


def read_facekit(place: Path) -> FacekitGeometry:
    """Reads a pack (.npz, or a folder holding ict_facekit.npz) or a clone (a folder holding FaceXModel/*.obj).

    Raises:
        InputError: nothing of the kind is there, or a file is not what it should be.
    """
    pack = place / PACK_NAME if place.is_dir() else place
    if pack.is_file():
        geometry = _read_pack(pack)
    elif (place / "FaceXModel").is_dir():
        geometry = _read_clone(place / "FaceXModel")
    else:
        raise InputError(
            f"{place}: neither {PACK_NAME} nor a folder FaceXModel/ is there",
            "Point FACESDK_FACEKIT at a clone of ICT-VGL/ICT-FaceKit or at a pack made from it.",
        )
    if geometry.vertices.shape != (VERTEX_COUNT, 3) or len(geometry.identity) != IDENTITY_MODES:
        raise InputError(
            f"{place}: {len(geometry.vertices)} vertices and {len(geometry.identity)} identity modes, "
            f"expected {VERTEX_COUNT} and {IDENTITY_MODES}",
            "Use ICT-FaceKit's full model (FaceXModel), not the light one.",
        )
    return geometry


def _read_pack(path: Path) -> FacekitGeometry:
    with np.load(path) as pack:
        missing = {"V", "vt", "tri", "ttri", "mat", "ID_q", "ID_scale", "EX_q", "EX_scale", "names"} - set(pack.files)
        if missing:
            raise InputError(f"{path}: arrays {sorted(missing)} are missing", "Make the pack again.")
        return FacekitGeometry(
            vertices=pack["V"].astype(np.float32),
            uv=pack["vt"].astype(np.float32),
            triangles=pack["tri"].astype(np.int32),
            uv_triangles=pack["ttri"].astype(np.int32),
            material=pack["mat"].astype(np.int32),
            identity=pack["ID_q"] * pack["ID_scale"].astype(np.float32)[:, None, None],
            expressions=pack["EX_q"] * pack["EX_scale"].astype(np.float32)[:, None, None],
            names=tuple(str(name) for name in pack["names"]),
        )


def _read_clone(folder: Path) -> FacekitGeometry:
    neutral = folder / "generic_neutral_mesh.obj"
    vertices = _read_positions(neutral)
    uv, triangles, uv_triangles, material = _read_topology(neutral)
    names = sorted(path.stem for path in folder.glob("*.obj") if not path.stem.startswith(_NOT_EXPRESSIONS))
    if not names:
        raise InputError(f"{folder}: no expression files (*.obj)", "Clone ICT-FaceKit completely.")
    return FacekitGeometry(
        vertices=vertices,
        uv=uv,
        triangles=triangles,
        uv_triangles=uv_triangles,
        material=material,
        identity=np.stack([_read_positions(folder / f"identity{k:03d}.obj") for k in range(IDENTITY_MODES)]) - vertices,
        expressions=np.stack([_read_positions(folder / f"{name}.obj") for name in names]) - vertices,
        names=tuple(names),
    )


def _read_positions(path: Path) -> F32:
    """The `v` lines of an OBJ file, (V, 3) float32."""
    if not path.is_file():
        raise InputError(f"{path} is missing", "Clone ICT-FaceKit completely.")
    lines = [line[2:] for line in path.read_text().splitlines() if line.startswith("v ")]
    return np.array(" ".join(lines).split(), np.float32).reshape(len(lines), -1)[:, :3]


def _read_topology(path: Path) -> tuple[F32, I32, I32, I32]:
    """The `vt`, `f` and `usemtl` lines of an OBJ file; polygons are cut into fans."""
    uv: list[list[float]] = []
    corners: list[list[tuple[int, int]]] = []
    material: list[int] = []
    current = 0
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "vt":
            uv.append([float(word) for word in rest.split()[:2]])
        elif key == "usemtl":
            if rest.strip() not in MATERIALS:
                raise InputError(f"{path}: unknown material {rest.strip()!r}, expected one of {MATERIALS}")
            current = MATERIALS.index(rest.strip())
        elif key == "f":
            polygon = [(int(v) - 1, int(t) - 1) for v, t in (word.split("/")[:2] for word in rest.split())]
            for second, third in zip(polygon[1:-1], polygon[2:], strict=True):
                corners.append([polygon[0], second, third])
                material.append(current)
    both = np.array(corners, np.int32)
    return np.array(uv, np.float32), both[..., 0].copy(), both[..., 1].copy(), np.array(material, np.int32)
