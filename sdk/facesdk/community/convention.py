"""What a community model reads and writes: said once, in words that the pipeline understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facesdk.community.crop_rule import CropRule

Role = Literal["swapper", "converter", "recogniser", "detector", "landmarks", "mask", "enhancer"]
SourceKind = Literal["emap", "embedding", "converted", "frame"]
Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Port:
    """A tensor at a model's edge.

    Attributes:
        kind: what it is to the pipeline, such as "picture" or "source".
        shapes: the shapes that it may have; None = any size.
        names: the names that files give it; empty = any.
    """

    kind: str
    shapes: tuple[Shape, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceRule:
    """What a swapper takes of the source.

    Attributes:
        kind: "emap": L2(L2(e) E) with the matrix E of the file; "embedding": L2(e); "converted": what a converter makes
            of e; "frame": a crop of the source's picture.
        space: name of the recogniser that e comes from, or "".
        converter: name of the converter, or "".
        is_unit: whether what goes in has length 1.
        crop: of the frame, or None.
    """

    kind: SourceKind
    space: str = ""
    converter: str = ""
    is_unit: bool = True
    crop: CropRule | None = None


@dataclass(frozen=True)
class ModelLicence:
    """What its makers allow.

    Attributes:
        spdx: SPDX name, or LicenseRef-NAME; "" where nobody says, so that who adds the file must.
        commercial: "yes", "ask" or "no".
        url: where it is said.
    """

    spdx: str
    commercial: str
    url: str


@dataclass(frozen=True)
class Convention:
    """One model: its tensors, its crop, its ranges, its licence.

    Attributes:
        name: what `facesdk packs add --as` takes.
        role: what it does in a pack, which has at most one of each.
        inputs, outputs: its tensors; a file may have more outputs.
        licence: what its makers allow.
        picture: how the target's picture enters.
        output: how a picture leaves, or None.
        source: what it takes of the source, or None.
    """

    name: str
    role: Role
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    licence: ModelLicence
    picture: CropRule | None = None
    output: CropRule | None = None
    source: SourceRule | None = None
