"""Hostile pictures: small files of each format that are damaged, or that claim far more pixels than they hold.

`python -m bench.trust.hostile_images FOLDER` writes the corpus that the tests replay.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

HUGE = 60_000
CORPUS_MUTANTS = 4
"""Mutants of each kind in the corpus."""


def seeds() -> dict[str, bytes]:
    """One whole small picture of each kind, by name: eight encodings of the formats that are read."""
    y, x = np.mgrid[0:24, 0:32]
    image = Image.fromarray(np.stack([x * 8, y * 10, 255 - x * 4], -1).astype(np.uint8))
    grey = Image.fromarray((x * 2000 + y).astype(np.uint16))
    return {
        "jpeg": _encode(image, "JPEG"),
        "png": _encode(image, "PNG"),
        "png16": _encode(grey, "PNG"),
        "webp": _encode(image, "WEBP"),
        "tiff": _encode(image, "TIFF", compression="tiff_lzw"),
        "bmp": _encode(image, "BMP"),
        "gif": _encode(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "avif": _encode(image, "AVIF"),
    }


def mutants(seed: bytes, count: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Damaged copies: bytes changed, cut off, doubled, or a length overwritten with a large one."""
    for number in range(count):
        data = bytearray(seed)
        kind = number % 4
        for place in rng.integers(0, len(data), rng.integers(1, 9)):
            data[place] = rng.integers(0, 256)
        at = int(rng.integers(0, len(data)))
        if kind == 1:
            data = data[: at + 1]
        elif kind == 2:
            data[at:at] = data[at : at + int(rng.integers(1, 64))]
        elif kind == 3:
            data[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\xff\xff"])
        yield bytes(data)


def bombs() -> dict[str, bytes]:
    """Small files that a trusting decoder would take gigabytes for, by name."""
    tiny = Image.new("RGB", (8, 8))
    webp = bytearray(_encode(Image.new("RGBA", (8, 8)), "WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"))
    webp[24:30] = (16_383).to_bytes(3, "little") * 2
    lossless = bytearray(_encode(tiny, "WEBP", lossless=True))
    lossless[21:25] = (0x3FFF | 0x3FFF << 14).to_bytes(4, "little")
    gif = _encode(tiny, "GIF")
    frame = bytearray(gif)
    at = gif.index(b"\x2c")
    frame[at + 5 : at + 9] = struct.pack("<HH", 0xFFFF, 0xFFFF)
    jpeg = _encode(tiny, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    bmp = bytearray(_encode(tiny, "BMP"))
    bmp[18:26] = struct.pack("<ii", HUGE, -HUGE)
    avif = _encode(tiny, "AVIF")
    extent = avif.index(b"ispe") + 8
    return {
        "png-claims": _png(HUGE, HUGE, zlib.compress(b"\0" * 100)),
        "png-whole": _png(20_000, 20_000, zlib.compress(bytes(20_000 * 2501), 9), bits=1),
        "png-text": _png(8, 8, zlib.compress(bytes(200)), (b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26), 9))),
        "png-profile": _png(8, 8, zlib.compress(bytes(200)), (b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 26), 9))),
        "gif-screen": gif[:6] + struct.pack("<HH", 0xFFFF, 0xFFFF) + gif[10:],
        "gif-frame": bytes(frame),
        "webp-canvas": bytes(webp),
        "webp-lossless": bytes(lossless),
        "tiff-claims": _tiff(HUGE, HUGE),
        "jpeg-claims": jpeg[: start + 5] + struct.pack(">HH", 65_000, 65_000) + jpeg[start + 9 :],
        "bmp-claims": bytes(bmp),
        "avif-claims": avif[:extent] + struct.pack(">II", HUGE, HUGE) + avif[extent + 8 :],
    }


def corpus() -> dict[str, bytes]:
    """File name -> content of everything that the tests replay; the same on every machine with the same Pillow."""
    rng = np.random.default_rng(20)
    out = {f"bomb-{name}.bin": data for name, data in bombs().items()}
    for name, seed in seeds().items():
        out |= {f"mutant-{name}-{i}.bin": data for i, data in enumerate(mutants(seed, CORPUS_MUTANTS, rng))}
    return out


def _encode(picture: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def _png(width: int, height: int, rows: bytes, extra: tuple[bytes, bytes] | None = None, bits: int = 8) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, 0 if bits == 1 else 2, 0, 0, 0)
    between = chunk(*extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + between + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _tiff(width: int, height: int) -> bytes:
    """One strip of 16 bytes that says that it is the whole picture. Source: TIFF 6.0, section 2."""
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tags += [(273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 16)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + b"\0" * 4
    return (b"II*\0" + struct.pack("<I", 8) + directory).ljust(200, b"\0") + bytes(16)


def main(folder: Path) -> None:
    """Writes the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in corpus().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
