"""The pixel mark: what it says, that it is faint, and what it survives."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from facesdk.errors import ProvenanceError
from facesdk.provenance.payload import CODE_BITS, KINDS, MEDIA, MarkPayload
from facesdk.provenance.tile import SYMBOL_BITS, SYMBOLS, code_tile, patterns, symbol_shift
from facesdk.provenance.watermark import LEAST_SIDE, PixelMarker, can_carry
from facesdk.provenance.watermark_reader import read_frames, read_mark
from facesdk.provenance.watermark_scale import likely_scales


def photograph(height: int = 384, width: int = 448) -> np.ndarray:
    """Smooth areas, edges and grain."""
    rng = np.random.default_rng(5)
    coarse = cv2.resize(rng.integers(0, 256, (9, 11, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    coarse[height // 3 : height // 2, width // 4 : width // 2] = 210
    grain = rng.normal(0, 3, coarse.shape)
    return np.clip(np.rint(coarse + grain), 0, 255).astype(np.uint8)


IMAGE = photograph()
PAYLOAD = MarkPayload.of("swap", "still", IMAGE)
MARKED = PixelMarker(PAYLOAD).mark(IMAGE)
GOLDEN_PATTERNS = [
    0.5509999990463257,
    -0.31299999356269836,
    0.15299999713897705,
    -1.128999948501587,
    0.5820000171661377,
    -1.9780000448226929,
]
GOLDEN_TILE = -1835


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def resized(image: np.ndarray, scale: float) -> np.ndarray:
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=way)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("medium", MEDIA)
def test_a_payload_round_trip(kind: str, medium: str) -> None:
    for number in (0, 1, 0xDEADBEEF, 2**32 - 1):
        payload = MarkPayload(kind, medium, number)  # type: ignore[arg-type]
        assert payload.code < 1 << CODE_BITS and MarkPayload.from_code(payload.code) == payload


def test_check_bits_find_every_wrong_symbol() -> None:
    # A CRC of degree 10 finds every burst of at most ten bits: that is one symbol, whatever it was read as.
    code = PAYLOAD.code
    for number in range(SYMBOLS):
        for wrong in range(1, 1 << SYMBOL_BITS):
            assert MarkPayload.from_code(code ^ wrong << (SYMBOL_BITS * number)) is None
    rng = np.random.default_rng(0)
    passed = sum(MarkPayload.from_code(int(c)) is not None for c in rng.integers(0, 1 << CODE_BITS, 40_000))
    # One in 1024 of those with the right version (1 in 16), kind (1 in 2) and medium (3 in 4) at most.
    assert passed <= 5


def test_a_payload_says_nothing_of_who_made_it() -> None:
    other = IMAGE.copy()
    other[0, 0, 0] ^= 1
    numbers = {MarkPayload.of("swap", "still", image).number for image in (IMAGE, other)}
    assert len(numbers) == 2 and MarkPayload.of("swap", "still", IMAGE[:, ::1].copy()).number in numbers
    with pytest.raises(ProvenanceError):
        MarkPayload("swap", "still", 2**32)


def test_patterns_are_the_same_everywhere() -> None:
    shapes = patterns()
    assert shapes.shape == (6, 128, 128) and np.abs(shapes.std((1, 2)) - 1).max() < 1e-5
    # A change of these would make every mark that was ever written unreadable.
    assert np.round(shapes[:, 3, 5], 3).tolist() == GOLDEN_PATTERNS
    assert int(code_tile(0x123456789ABCD).astype(np.int64)[:7, :9].sum()) == GOLDEN_TILE
    assert symbol_shift(1023) == (124, 124) and symbol_shift(1024 + 33) == (4, 4)


def test_it_is_faint_and_deterministic() -> None:
    change = MARKED.astype(int) - IMAGE
    psnr = 10 * np.log10(255**2 / np.square(change).mean())
    assert 42 <= psnr <= 50 and np.abs(change).max() <= 10
    np.testing.assert_array_equal(PixelMarker(PAYLOAD, threads=3).mark(IMAGE), MARKED)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    change = PixelMarker(PAYLOAD).mark(noise).astype(int) - noise
    assert 10 * np.log10(255**2 / np.square(change).mean()) >= 42


@pytest.mark.parametrize(
    ("attack", "scale", "turn"),
    [
        (lambda i: i, 1.0, 0),
        (lambda i: jpeg(i, 75), 1.0, 0),
        (lambda i: i[31:300, 17:400], 1.0, 0),
        (lambda i: i[:, ::-1], 1.0, 4),
        (lambda i: np.rot90(i), 1.0, 1),
        (lambda i: resized(i, 0.5), 0.5, 0),
        (lambda i: resized(i, 1.5), 1.5, 0),
        (lambda i: jpeg(resized(i, 0.87), 85), 0.87, 0),
        (lambda i: np.rint(i * 0.6 + 30).astype(np.uint8), 1.0, 0),
    ],
    ids=["none", "q75", "crop", "mirror", "turn", "half", "1.5x", "0.87x q85", "contrast"],
)
def test_it_is_read_after(attack: object, scale: float, turn: int) -> None:
    found = read_mark(np.ascontiguousarray(attack(MARKED)))  # type: ignore[operator]
    assert found is not None and found.payload == PAYLOAD and found.z >= 6
    assert found.scale == pytest.approx(scale, rel=5e-3) and found.turn == turn


def test_what_is_not_marked_has_no_mark() -> None:
    rng = np.random.default_rng(1)
    stripes = np.zeros((300, 300), np.uint8)
    stripes[:, ::2] = 200
    for image in (IMAGE, rng.integers(0, 256, (200, 300, 3), np.uint8), stripes, np.zeros((150, 150, 3), np.uint8)):
        assert read_mark(image) is None
    assert read_mark(np.zeros((20, 20, 3), np.uint8)) is None and likely_scales([np.zeros((40, 40), np.float32)]) == []


def test_frames_are_added_up() -> None:
    rng = np.random.default_rng(2)
    payload = MarkPayload("swap", "film", 77)
    marker = PixelMarker(payload)
    frames = []
    for _ in range(12):
        frame = cv2.cvtColor(IMAGE, cv2.COLOR_RGB2GRAY)[:160, :200].copy()
        marker.mark_in_place(frame)
        frames.append(np.clip(frame + rng.normal(0, 22, frame.shape), 0, 255).astype(np.uint8))
    found = read_frames(frames)
    assert read_mark(frames[0], thorough=False) is None and found is not None and found.payload == payload


def test_planes_of_ten_bits_and_rows_that_lie_apart() -> None:
    plane = cv2.cvtColor(IMAGE, cv2.COLOR_RGB2GRAY)
    want = PixelMarker(PAYLOAD).mark(plane)
    wide = np.zeros((plane.shape[0], plane.shape[1] + 64), np.uint8)
    view = wide[:, : plane.shape[1]]
    view[...] = plane
    PixelMarker(PAYLOAD).mark_in_place(view)
    np.testing.assert_array_equal(view, want)
    assert not wide[:, plane.shape[1] :].any()
    deep = plane.astype(np.uint16) * 4 + 3
    PixelMarker(PAYLOAD).mark_in_place(deep)
    inside = (want > 0) & (want < 255)
    np.testing.assert_array_equal((deep >> 2)[inside], want[inside])
    assert (deep & 3 == 3)[inside].all()


def test_small_pictures_are_refused() -> None:
    assert can_carry((LEAST_SIDE, 999)) and not can_carry((999, LEAST_SIDE - 1))
    with pytest.raises(ProvenanceError, match="100x200 pixels cannot carry"):
        PixelMarker(PAYLOAD).mark(IMAGE[:200, :100])
