"""What telephones, scanners and drawing programs make: each format is read rightly, or refused."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from bot.http.picture_scaling import PictureError, PictureProblem, scaled_picture

SIZE = (40, 30)
RED, WHITE, GREY = (255, 0, 0), (255, 255, 255), (128, 128, 128)


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def cmyk_jpeg() -> bytes:
    """As printers get them, inverted as Photoshop writes it."""
    return written(Image.new("CMYK", SIZE, (0, 255, 255, 0)), "JPEG", quality=95)


def grey_jpeg() -> bytes:
    return written(Image.new("L", SIZE, 128), "JPEG", quality=95)


def png_of_16_bits(kind: int, samples: int, level: int) -> bytes:
    """A PNG of 16 bits a sample, as scanners write; ``kind``: its colour type."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    width, height = SIZE
    line = b"\0" + struct.pack(">H", level) * samples * width
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = zlib.compress(line * height)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette_png(transparent: int | bytes) -> bytes:
    """All pixels have the palette's first colour, red."""
    image = Image.new("P", SIZE, 0)
    image.putpalette([*RED, 0, 0, 255])
    return written(image, "PNG", transparency=transparent)


def animated(kind: str, **options: object) -> bytes:
    """Red first, then blue."""
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue", "blue")]
    return written(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=100, **options
    )


FORMATS: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    "a JPEG of four inks": (cmyk_jpeg, RED),
    "a grey JPEG": (grey_jpeg, GREY),
    "a grey PNG of 16 bits": (lambda: png_of_16_bits(0, 1, 0x8000), GREY),
    "a coloured PNG of 16 bits": (lambda: png_of_16_bits(2, 3, 0x8000), GREY),
    "a PNG of 16 bits that is clear": (lambda: png_of_16_bits(6, 4, 0), WHITE),
    "a PNG of one bit": (lambda: written(Image.new("1", SIZE, 1), "PNG"), WHITE),
    "a PNG of a palette": (lambda: palette_png(1), RED),
    "a PNG of a palette, its colour clear": (lambda: palette_png(0), WHITE),
    "a PNG of a palette, each colour half clear": (lambda: palette_png(bytes([0, 255])), WHITE),
    "a moving GIF": (lambda: animated("GIF"), RED),
    "a moving WebP": (lambda: animated("WEBP", lossless=True), RED),
    "a moving PNG": (lambda: animated("PNG"), RED),
    "a clear WebP": (
        lambda: written(Image.new("RGBA", SIZE, (0, 0, 0, 0)), "WEBP", lossless=True),
        WHITE,
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_seen_as_a_person_sees_it(name: str) -> None:
    make, expected = FORMATS[name]
    picture = scaled_picture(make())
    image = Image.open(io.BytesIO(picture.content), formats=["JPEG"])
    assert (image.mode, image.size) == ("RGB", SIZE)
    seen = image.getpixel((20, 15))
    assert isinstance(seen, tuple)
    assert all(abs(one - wanted) < 12 for one, wanted in zip(seen, expected, strict=True)), seen


def iso_media(brand: bytes) -> bytes:
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(2000)


@pytest.mark.parametrize(
    "content",
    [
        iso_media(b"heic"),
        iso_media(b"avif"),
        b"\xff\x0a" + bytes(2000),
        written(Image.new("RGB", SIZE, "red"), "TIFF"),
        written(Image.new("RGB", SIZE, "red"), "BMP"),
    ],
    ids=["HEIC of an iPhone", "AVIF", "JPEG XL", "TIFF", "BMP"],
)
def test_other_formats_are_refused_as_unreadable(content: bytes) -> None:
    with pytest.raises(PictureError) as refused:
        scaled_picture(content)
    assert refused.value.problem is PictureProblem.UNREADABLE
