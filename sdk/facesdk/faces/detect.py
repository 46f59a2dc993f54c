"""Where the faces are: an SCRFD detector over one session, with fall-back tries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import BackendError
from facesdk.faces.crops import normalise, resize
from facesdk.faces.search_plan import SearchPlan
from facesdk.ops.nms import nms
from facesdk.runtime.session import Session
from facesdk.types import F32, U8, Face

STRIDES = (8, 16, 32)
ANCHORS = 2
_GREY = (127, 127, 127)


def decode(
    outputs: Mapping[str, NDArray[np.float32]],
    size_hw: tuple[int, int],
    score_threshold: float,
    strides: tuple[int, ...] = STRIDES,
    anchors: int = ANCHORS,
) -> tuple[F32, F32, F32]:
    """Turns the detector's maps into boxes.

    Args:
        outputs: score_S (1, h*w*anchors, 1), box_S (1, h*w*anchors, 4) left, top, right, bottom distances and points_S
            (1, h*w*anchors, 10) offsets in units of the stride S, cells row by row, the anchors of a cell adjacent.
        size_hw: height and width of the detector's input, multiples of the largest stride.
        score_threshold: what scores less is dropped.
        strides: the S of the maps.
        anchors: predictions per cell.

    Returns:
        boxes (n, 4) float32 xyxy, scores (n,) float32, points (n, 5, 2) float32, all in detector pixels.

    Raises:
        BackendError: a score is NaN, or every one of a map is a face's.

    Source: Guo et al. 2021, SCRFD (arxiv.org/abs/2105.04714); distances as FCOS eq. 1, times the stride.
    """
    boxes: list[F32] = []
    scores: list[F32] = []
    points: list[F32] = []
    for stride in strides:
        score = outputs[f"score_{stride}"].reshape(-1)
        if np.isnan(score).any():
            raise BackendError(
                "the detector returned NaN scores.", "Try another backend: facesdk doctor says which agree."
            )
        keep = np.flatnonzero(score >= score_threshold)
        if len(keep) == len(score) > anchors:
            raise BackendError(
                "the detector took every place for a face.", "Try another backend: facesdk doctor says which agree."
            )
        column, row = (keep // anchors) % (size_hw[1] // stride), (keep // anchors) // (size_hw[1] // stride)
        centre = np.stack([column, row], -1).astype(np.float32) * stride
        distance = outputs[f"box_{stride}"].reshape(-1, 4)[keep] * stride
        offset = outputs[f"points_{stride}"].reshape(-1, 5, 2)[keep] * stride
        boxes.append(np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], 1))
        scores.append(score[keep])
        points.append(centre[:, None] + offset)
    return (
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(points).astype(np.float32),
    )


def unrotate(points: NDArray[np.floating], quarter_turns: int, size_hw: tuple[int, int]) -> F32:
    """Takes points found in `np.rot90(image, quarter_turns)` back to the picture of size_hw, in pixels."""
    height, width = size_hw
    x, y = points[..., 0], points[..., 1]
    back = {0: (x, y), 1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarter_turns % 4]
    return np.stack(back, -1).astype(np.float32)


class Detector:
    """Finds faces and five points of each.

    Args:
        session: the pack's detector graph.
        score_threshold: lowest score of a face.
        nms_iou: of two boxes that overlap more than this, the better one stays.
        strides: strides of the graph's maps.
        anchors: predictions per cell.
    """

    def __init__(
        self,
        session: Session,
        score_threshold: float = 0.5,
        nms_iou: float = 0.4,
        strides: tuple[int, ...] = STRIDES,
        anchors: int = ANCHORS,
    ) -> None:
        self._session = session
        self._score_threshold = score_threshold
        self._nms_iou = nms_iou
        self._strides = strides
        self._anchors = anchors

    def detect(self, image: U8, plan: SearchPlan | None = None, retry: bool = True) -> list[Face]:
        """Searches a picture.

        The whole picture first, large ones at two scales. Only if it shows nothing: enlarged, then zoomed out with a
        margin (for a face that fills the picture), then turned by 90, 180 and 270 degrees. What is found there is given
        in the picture's own pixels.

        Args:
            image: (H, W, 3) uint8 RGB.
            plan: the scales, by default SearchPlan.of(size).
            retry: False stops after the whole picture.

        Returns:
            Faces with box, score and points, best score first.
        """
        tries = self.tries(image, plan)
        return next((found for found in tries if found), []) if retry else next(tries)

    def tries(self, image: U8, plan: SearchPlan | None = None, overlap: float | None = None) -> Iterator[list[Face]]:
        """What each try of `detect` finds, searched when asked for: who rejects all of one takes the next.

        Args:
            image, plan: as of `detect`.
            overlap: of two boxes that overlap more the better one stays; by default nms_iou.
        """
        iou = self._nms_iou if overlap is None else overlap
        size_hw = (image.shape[0], image.shape[1])
        plan = plan or SearchPlan.of(size_hw)
        scales = [plan.scale] if plan.coarse_scale is None else [plan.scale, plan.coarse_scale]
        yield self._best([self._search(image, scale) for scale in scales], iou)
        if plan.enlarged_scale > plan.scale:
            yield self._best([self._search(image, plan.enlarged_scale)], iou)
        yield self._best([self._search(image, plan.margin_scale, margin=0.5)], iou)
        yield self._best([self._search_turned(image, turns, s) for turns in (1, 2, 3) for s in scales], iou)

    def _search_turned(self, image: U8, turns: int, scale: float) -> tuple[F32, F32, F32]:
        """As `_search`, of the picture turned by quarter turns; the results are in the pixels of the picture itself."""
        size_hw = (image.shape[0], image.shape[1])
        boxes, scores, points = self._search(np.ascontiguousarray(np.rot90(image, turns)), scale)
        corners = unrotate(boxes.reshape(-1, 2, 2), turns, size_hw)
        return np.concatenate([corners.min(1), corners.max(1)], 1), scores, unrotate(points, turns, size_hw)

    def _search(self, image: U8, scale: float, margin: float = 0.0) -> tuple[F32, F32, F32]:
        """Runs the graph on the scaled picture; margin is the share of it that is added on every side."""
        height, width = image.shape[:2]
        new_w, new_h = max(1, round(width * scale)), max(1, round(height * scale))
        pad_x, pad_y = round(new_w * margin), round(new_h * margin)
        step = max(self._strides)
        full_w, full_h = -(-(new_w + 2 * pad_x) // step) * step, -(-(new_h + 2 * pad_y) // step) * step
        canvas = cv2.copyMakeBorder(
            resize(image, new_w, new_h),
            pad_y,
            full_h - new_h - pad_y,
            pad_x,
            full_w - new_w - pad_x,
            cv2.BORDER_CONSTANT,
            value=_GREY,
        )
        outputs = self._session.run({"image": normalise(np.asarray(canvas, np.uint8)[None])})
        boxes, scores, points = decode(outputs, (full_h, full_w), self._score_threshold, self._strides, self._anchors)
        offset = np.array([pad_x, pad_y], np.float32)
        ratio = np.array([new_w / width, new_h / height], np.float32)
        placed = (boxes.reshape(-1, 2, 2) - offset) / ratio
        return placed.reshape(-1, 4).astype(np.float32), scores, ((points - offset) / ratio).astype(np.float32)

    def _best(self, searches: list[tuple[F32, F32, F32]], iou: float) -> list[Face]:
        """Puts searches together: of boxes that overlap the best stays, whichever search it is from."""
        boxes, scores, points = (np.concatenate(parts) for parts in zip(*searches))
        keep = nms(boxes, scores, iou)
        return [Face(box=boxes[index], score=float(scores[index]), points=points[index]) for index in keep]
