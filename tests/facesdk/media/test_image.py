"""Pictures in: the right pixels, or one typed error; never a wrong picture."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, features

from facesdk.errors import InputError, MediaError
from facesdk.media.image import load_image
from facesdk.media.sniff import FORMATS, header_size, sniff_format

U8 = NDArray[np.uint8]
EXIF = b"Exif\0\0II*\0\x08\0\0\0\0\0"
WRITTEN = [f for f in FORMATS if f != "AVIF" or features.check("avif")]


def gradient(height: int = 48, width: int = 64) -> U8:
    """A smooth picture whose every corner differs."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // (width - 1), y * 255 // (height - 1), 255 - x * 128 // (width - 1)], -1).astype(
        np.uint8
    )


def encode(picture: Image.Image, format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def noise(size: int = 128) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size, size, 3), np.uint8))


def test_every_kind_of_source_gives_the_same_pixels(tmp_path: Path) -> None:
    image = gradient()
    data = encode(Image.fromarray(image), "PNG")
    path = tmp_path / "wrong_extension.jpg"
    path.write_bytes(data)
    for source in (path, str(path), data, bytearray(data), memoryview(data), Image.fromarray(image), image):
        loaded = load_image(source)
        np.testing.assert_array_equal(loaded, image)
        assert loaded.dtype == np.uint8 and loaded.flags.c_contiguous
    np.testing.assert_array_equal(load_image(image[..., ::-1], "bgr"), image)
    assert load_image(image) is image or np.shares_memory(load_image(image), image)


@pytest.mark.parametrize("format", WRITTEN)
def test_every_format_is_read(format: str) -> None:
    image = gradient()
    data = encode(Image.fromarray(image), format, **({"quality": 95} if format in ("JPEG", "WEBP", "AVIF") else {}))
    assert sniff_format(data[:64]) == format
    # GIF has 256 colours, the lossy ones blur a little.
    assert np.abs(load_image(data).astype(int) - image).mean() < (12 if format == "GIF" else 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "WEBP"])
@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": EXIF}])
def test_size_is_read_from_the_header(mode: str, format: str, options: dict[str, object]) -> None:
    data = encode(Image.new(mode, (301, 77)), format, **options)
    assert header_size(data[:64], format) == (301, 77)
    assert header_size(data[:20], format) is None


@pytest.mark.parametrize("format", [f for f in WRITTEN if f != "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_part_of_a_file_is_never_a_picture(format: str, share: float) -> None:
    data = encode(noise(), format)
    with pytest.raises(MediaError, match="cut off or damaged|damaged") as info:
        load_image(data[: int(len(data) * share)])
    assert info.value.cure and info.value.exit_code == 3


def test_half_a_bitmap_is_refused() -> None:
    data = encode(noise(), "BMP")
    with pytest.raises(MediaError):
        load_image(data[: len(data) // 2])


def test_a_program_that_lets_pillow_read_halves_is_warned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    load_image(encode(Image.fromarray(gradient()), "JPEG"))
    assert "LOAD_TRUNCATED_IMAGES" in caplog.text


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(format: str) -> None:
    values = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    loaded = load_image(encode(Image.fromarray(values), format))
    np.testing.assert_array_equal(loaded[..., 0], np.rint(values / 65535 * 255).astype(np.uint8))
    np.testing.assert_array_equal(loaded[..., 0], loaded[..., 2])


def png(width: int, height: int, bits: int, color: int, rows: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def test_sixteen_bit_colour_is_scaled() -> None:
    values = np.linspace(0, 65535, 8 * 6 * 3).reshape(6, 8, 3).astype(np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    loaded = load_image(png(8, 6, 16, 2, rows))
    assert np.abs(loaded - values / 65535 * 255).max() <= 1.0


def test_thirty_two_bits_are_refused_not_guessed() -> None:
    for values in (np.ones((8, 8), np.float32), np.ones((8, 8), np.int32)):
        with pytest.raises(MediaError, match="32-bit"):
            load_image(encode(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_cmyk_is_converted(format: str) -> None:
    image = gradient()
    loaded = load_image(
        encode(Image.fromarray(image).convert("CMYK"), format, **({"quality": 100} if format == "JPEG" else {}))
    )
    assert np.abs(loaded.astype(int) - image).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(orientation: int) -> None:
    # What a camera stores so that a viewer that obeys the tag shows `image`.
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](gradient())
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(load_image(data), gradient())


def test_damaged_exif_loads_unrotated_and_says_so() -> None:
    data = encode(Image.fromarray(gradient()), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff garbage")
    assert load_image(data).shape == (48, 64, 3)


def test_transparency_is_laid_over_white() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0], rgba[:2, :, 3], rgba[2, :, 3] = 200, 255, 128
    loaded = load_image(encode(Image.fromarray(rgba), "PNG"))
    assert loaded[0, 0].tolist() == [200, 0, 0] and loaded[3, 0].tolist() == [255, 255, 255]
    assert np.abs(loaded[2, 0].astype(int) - [227, 127, 127]).max() <= 1
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert load_image(encode(palette, "GIF"))[0, 0].tolist() == [40, 50, 60]
    assert load_image(encode(palette, "PNG", transparency=1))[0, 0].tolist() == [255, 255, 255]
    grey = Image.fromarray(np.full((4, 4, 2), (100, 0), np.uint8), "LA")
    assert load_image(encode(grey, "PNG"))[0, 0].tolist() == [255, 255, 255]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    for format in ("GIF", "WEBP"):
        data = encode(
            frames[0],
            format,
            save_all=True,
            append_images=frames[1:],
            **({"lossless": True} if format == "WEBP" else {}),
        )
        assert load_image(data)[4, 4].tolist() == [255, 0, 0]


def test_colour_profile_is_applied_and_srgb_left_alone() -> None:
    image = gradient()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    np.testing.assert_array_equal(load_image(encode(Image.fromarray(image), "PNG", icc_profile=srgb)), image)
    np.testing.assert_array_equal(load_image(encode(Image.fromarray(image), "PNG", icc_profile=b"no profile")), image)


def test_another_profile_changes_the_colours() -> None:
    # sRGB with the red and the blue primary exchanged, and another name, as a profile that is certainly not sRGB.
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    profile = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    loaded = load_image(encode(red, "PNG", icc_profile=profile))
    assert np.abs(loaded.astype(int) - [0, 0, 255]).max() <= 2


@pytest.mark.parametrize("side", [9000, 20_000, 60_000])
def test_png_bomb_is_refused_before_memory_is_taken(side: int) -> None:
    data = png(side, side, 8, 2, b"\0" * 100)
    tracemalloc.start()
    with pytest.raises(MediaError, match="too large"):
        load_image(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_webp_bomb_is_refused_before_its_decoder_starts() -> None:
    data = bytearray(encode(Image.new("RGBA", (8, 8)), "WEBP", exif=EXIF))
    assert data[12:16] == b"VP8X"
    data[24:30] = (16_000 - 1).to_bytes(3, "little") * 2
    with pytest.raises(MediaError, match="too large: 16000x16000"):
        load_image(bytes(data))


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a picture at all")
    os.mkfifo(tmp_path / "pipe.jpg")
    cases = {
        tmp_path / "none.jpg": "no such file",
        tmp_path: "is a folder",
        tmp_path / "empty.jpg": "is empty",
        tmp_path / "text.jpg": "text.jpg is no picture",
        tmp_path / "pipe.jpg": "no plain file",
        tmp_path / "text.jpg" / "x.jpg": "cannot be read",
        "a\0b.jpg": "cannot be read",
        b"": "empty",
        b"\x89PNG\r\n\x1a\n": "damaged PNG",
    }
    for source, message in cases.items():
        with pytest.raises(MediaError, match=message) as info:
            load_image(source)
        assert info.value.cure, message


def test_formats_that_run_programs_are_not_opened() -> None:
    for magic in (
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"8BPS\0\1",
        b"%PDF-1.7",
        b"SIMPLE  =                    T",
        b"BM no bitmap      ",
    ):
        with pytest.raises(MediaError, match="no picture"):
            load_image(magic + b" " * 100)


def test_arrays_of_another_kind_say_what_is_expected() -> None:
    image = gradient()
    for array in (
        image.astype(np.float32),
        image[..., 0],
        image[..., :2],
        image[:0],
        np.dstack([image, image[..., :1]]),
    ):
        with pytest.raises(InputError, match=r"\(H, W, 3\) uint8 is expected"):
            load_image(array)
    with pytest.raises(InputError, match="for arrays"):
        load_image(encode(Image.fromarray(image), "PNG"), "bgr")
    with pytest.raises(InputError, match="'rgb' or 'bgr'"):
        load_image(image, "rgba")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="NoneType"):
        load_image(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("format", WRITTEN)
def test_mutated_files_give_a_picture_or_a_media_error(format: str) -> None:
    rng = np.random.default_rng(5)
    data = encode(Image.fromarray(gradient(24, 32)), format)
    for _ in range(60):
        mutant = bytearray(data)
        for place in rng.integers(0, len(mutant), 4):
            mutant[place] = rng.integers(0, 256)
        try:
            image = load_image(bytes(mutant))
        except MediaError:
            continue
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
