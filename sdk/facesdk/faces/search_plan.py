"""How large a picture is shown to the detector, and how small a face it can find there."""

from __future__ import annotations

from dataclasses import dataclass

from facesdk.errors import InputError

DETECTABLE_PX = 16.0
"""The smallest face, in pixels of the detector's input, that the finest stride (8) can still tell from clutter."""
LARGEST_PX = 220.0
"""The largest face, in pixels of the detector's input, that it was trained on."""
LONGEST_SIDE = 2048
"""More than this the detector is never shown: 2048 x 2048 costs ten times the default."""
MAX_ENLARGEMENT = 2.0
"""Enlarging further adds no detail."""


@dataclass(frozen=True)
class SearchPlan:
    """The scales at which a picture is searched.

    Attributes:
        size_hw: height and width of the picture in pixels.
        scale: detector pixels per picture pixel at the first try.
        coarse_scale: a smaller one that the first try adds where faces could be too large for the detector, or None.
        enlarged_scale: the scale of the next try, which runs when the first finds nothing; equal to `scale` for no try.
        margin_scale: the scale of the try after that, at which even a face that fills the picture is not too large.
    """

    size_hw: tuple[int, int]
    scale: float
    coarse_scale: float | None
    enlarged_scale: float
    margin_scale: float

    @classmethod
    def of(cls, size_hw: tuple[int, int], det_size: int = 640, min_face: float | None = None) -> SearchPlan:
        """Plans the search.

        Args:
            size_hw: height and width of the picture.
            det_size: longest side shown to the detector; a smaller picture is shown as it is.
            min_face: smallest face to look for, picture pixels; it replaces det_size.

        Raises:
            InputError: det_size under 32, min_face not positive, or an empty picture.
        """
        height, width = size_hw
        if height < 1 or width < 1:
            raise InputError(f"the picture is empty ({width}x{height}).")
        if det_size < 32:
            raise InputError(f"det_size={det_size}: at least 32 pixels expected.", "The default is 640.")
        if min_face is not None and not min_face > 0:
            raise InputError(f"min_face={min_face}: a positive number of pixels expected.")
        longest = max(height, width)
        wanted = min(1.0, det_size / longest) if min_face is None else DETECTABLE_PX / min_face
        scale = min(wanted, MAX_ENLARGEMENT, LONGEST_SIDE / longest)
        coarse = scale / 2.0 if longest * scale > LARGEST_PX else None
        enlarged = min(2.0 * scale, MAX_ENLARGEMENT, LONGEST_SIDE / longest)
        return cls(size_hw, scale, coarse, enlarged, min(scale / 2.0, LARGEST_PX / longest))

    @property
    def smallest_face_px(self) -> float:
        """The smallest face, in pixels of the picture, that one of the tries can find."""
        return DETECTABLE_PX / max(self.scale, self.enlarged_scale)

    @property
    def tried(self) -> str:
        """The tries in words, for the message that nothing was found."""
        enlarged = ["2x enlarged"] if self.enlarged_scale > self.scale else []
        return ", ".join(["whole picture", *enlarged, "zoomed out", "4 rotations"])

    def no_face(self, name: str) -> InputError:
        """The error that says that nothing was found, and what was tried.

        Args:
            name: what the picture is called, for example its file name.
        """
        height, width = self.size_hw
        searched = self.smallest_face_px
        smaller = max(1, int(searched * 2 / 3))
        # A plan that is at its limits already would search the same way again.
        deeper = SearchPlan.of(self.size_hw, min_face=smaller).smallest_face_px < searched
        advice = (
            f"try --min-face {smaller} (min_face={smaller}) or crop closer" if deeper else "take a larger picture of it"
        )
        return InputError(
            f"no face found in {name} ({width}x{height}; smallest face searched: {searched:.0f} px).",
            f"Tried: {self.tried}. If there is a face, {advice}.",
        )
