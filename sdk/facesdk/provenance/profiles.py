"""What the law of a place asks of marks, as a table. Not legal advice: each row says where it is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facesdk.errors import ProvenanceError
from facesdk.provenance.c2pa_module import EXTRA, has_c2pa

Layer = Literal["xmp", "pixel", "c2pa"]


@dataclass(frozen=True)
class Profile:
    """What a place asks for.

    Attributes:
        required: layers without which nothing is written. Every layer that can be written is written in any case.
        visible: whether pictures and films carry a visible label without being asked for it.
        swap_text, generate_text: of the visible label; stroke glyphs of `visible_label` only.
        film_seconds: from the start of a film on the label is shown for so long; None: all of it.
        implicit_json: whether the metadata carry China's AIGC element.
        source: what it was read from.
    """

    required: tuple[Layer, ...] = ("xmp",)
    visible: bool = False
    swap_text: str = "AI"
    generate_text: str = "AI"
    film_seconds: float | None = None
    implicit_json: bool = False
    source: str = ""

    def text(self, kind: str) -> str:
        """The visible label of a kind of output."""
        return self.swap_text if kind == "swap" else self.generate_text


PROFILES: dict[str, Profile] = {
    "default": Profile(source="Every mark that can be written here is written; a visible label where it is asked for."),
    "eu": Profile(
        required=("xmp", "pixel", "c2pa"),
        visible=True,
        source="Regulation (EU) 2024/1689, Art. 50(2) and 50(4); Code of Practice on marking and labelling, 10 June "
        "2026, measures 1.1.1 (signed metadata) and 1.1.2 (imperceptible mark).",
    ),
    "cn": Profile(
        required=("xmp",),
        visible=True,
        swap_text="AI合成",
        generate_text="AI生成",
        film_seconds=3.0,
        implicit_json=True,
        source="Measures for labelling AI-generated synthetic content, 1 September 2025; GB 45438-2025: visible text "
        "of at least 5 % of the shorter side, in films for 2 s or more from the start; implicit AIGC element, annex E.",
    ),
    "us-ca": Profile(
        required=("xmp", "pixel", "c2pa"),
        visible=False,
        source="California SB 942 (AB 853), Business and Professions Code 22757.3: latent disclosure with name, "
        "version, time and a unique number (here the C2PA manifest); a visible one is offered (--label).",
    ),
}


def find_profile(name: str) -> Profile:
    """A profile by its name, checked against what is installed.

    Raises:
        ProvenanceError: no such profile, or a layer that it requires cannot be written here.
    """
    found = PROFILES.get(name)
    if found is None:
        raise ProvenanceError(f"profile {name!r} is not known.", f"One of: {', '.join(PROFILES)}.")
    if "c2pa" in found.required and not has_c2pa():
        raise ProvenanceError(f"profile {name} requires a C2PA manifest. Not written.", EXTRA)
    return found
