"""Detectors of other makers, behind the search that facesdk makes with its own."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.community.model import Model
from facesdk.faces.crops import resize
from facesdk.faces.detect import STRIDES, Detector, decode
from facesdk.types import F32, U8

SCORE_THRESHOLD, NMS_IOU = 0.5, 0.4


class CommunityDetector(Detector):
    """SCRFD or YuNet. A file whose input is of one size is searched in that size.

    Args:
        model: the detector.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model.session, SCORE_THRESHOLD, NMS_IOU)
        self._model = model
        (shape,) = (t.shape for t in model.session.spec.inputs)
        self._fixed_hw = (shape[2], shape[3]) if isinstance(shape[2], int) and isinstance(shape[3], int) else None

    def _search(self, image: U8, scale: float, margin: float = 0.0) -> tuple[F32, F32, F32]:
        height, width = image.shape[:2]
        if self._fixed_hw is not None:
            whole = 1.0 + 2.0 * margin
            scale = min(scale, self._fixed_hw[0] / (height * whole), self._fixed_hw[1] / (width * whole))
        # Down, so that a fixed size is never exceeded; but not for a product that falls short of a whole number.
        new_w, new_h = max(1, int(width * scale + 1e-6)), max(1, int(height * scale + 1e-6))
        pad_x, pad_y = int(new_w * margin), int(new_h * margin)
        step = max(STRIDES)
        full_h, full_w = self._fixed_hw or tuple(
            -(-(n + 2 * p) // step) * step for n, p in ((new_h, pad_y), (new_w, pad_x))
        )
        canvas = cv2.copyMakeBorder(
            resize(image, new_w, new_h),
            pad_y,
            full_h - new_h - pad_y,
            pad_x,
            full_w - new_w - pad_x,
            cv2.BORDER_CONSTANT,
            value=(0, 0, 0),
        )
        rule = self._model.convention.picture
        assert rule is not None, "the table says how a detector's picture enters"
        outputs = self._model.run(picture=rule.encode(np.asarray(canvas, np.uint8)[None]))
        decoded = decode_yunet if self._model.convention.name == "yunet" else decode
        boxes, scores, points = decoded(outputs, (full_h, full_w), SCORE_THRESHOLD)
        offset = np.array([pad_x, pad_y], np.float32)
        ratio = np.array([new_w / width, new_h / height], np.float32)
        placed = (boxes.reshape(-1, 2, 2) - offset) / ratio
        return placed.reshape(-1, 4).astype(np.float32), scores, ((points - offset) / ratio).astype(np.float32)


def decode_yunet(
    outputs: Mapping[str, NDArray[np.float32]], size_hw: tuple[int, int], score_threshold: float
) -> tuple[F32, F32, F32]:
    """Turns YuNet's maps into boxes.

    Args:
        outputs: cls_S, obj_S (1, h*w, 1) in [0, 1], bbox_S (1, h*w, 4) centre and log size, kps_S (1, h*w, 10), in
            units of the stride S, cells row by row.
        size_hw: height and width of the input, multiples of 32.
        score_threshold: what scores less is dropped.

    Returns:
        boxes (n, 4) float32 xyxy, scores (n,) float32, points (n, 5, 2) float32, all in pixels of the input.

    Source: opencv modules/objdetect/src/face_detect.cpp, FaceDetectorYNImpl::postProcess.
    """
    boxes, scores, points = list[F32](), list[F32](), list[F32]()
    for stride in STRIDES:
        both = np.clip(outputs[f"cls_{stride}"].reshape(-1), 0, 1) * np.clip(outputs[f"obj_{stride}"].reshape(-1), 0, 1)
        score = np.sqrt(both)
        keep = np.flatnonzero(score >= score_threshold)
        columns = size_hw[1] // stride
        cell = np.stack([keep % columns, keep // columns], -1).astype(np.float32)
        box = outputs[f"bbox_{stride}"].reshape(-1, 4)[keep]
        centre = (cell + box[:, :2]) * stride
        half = np.exp(box[:, 2:]) * stride / 2
        boxes.append(np.concatenate([centre - half, centre + half], 1))
        scores.append(score[keep])
        points.append((cell[:, None] + outputs[f"kps_{stride}"].reshape(-1, 5, 2)[keep]) * stride)
    return (
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(scores).astype(np.float32),
        np.concatenate(points).astype(np.float32),
    )
