"""Pictures made small enough for a model: of a known type, within bounds, without metadata.

Nothing is decoded before its header says how large it would become: a bomb of a few kilobytes may
unpack to gigabytes.
"""

from __future__ import annotations

import io
from enum import StrEnum

from PIL import Image, ImageOps

from bot.domain.pictures import MAX_JPEG_BYTES, MAX_SIDE, Picture

#: A photo of a telephone has 12 to 50 million. Only a JPEG is decoded at a fraction of its size.
MAX_JPEG_PIXELS = 64_000_000
#: Of a picture that is decoded whole: up to 16 bytes for each.
MAX_PIXELS = 24_000_000
#: Each scan of a JPEG is a pass over the whole of it; progressive ones have about ten.
MAX_SCANS = 32
_SCAN = b"\xff\xda"
#: The longer side and the quality; the next where the JPEG is too large, as noise is.
_STEPS = ((MAX_SIDE, 85), (MAX_SIDE, 60), (768, 50), (512, 40))

#: Pillow's decoder by the first bytes; the type that a server names does not count.
_SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)


class PictureProblem(StrEnum):
    """Why a picture cannot be used."""

    UNREACHABLE = "unreachable"  #: no answer, not in time, or an error of the server
    EXPIRED = "expired"  #: the address is not valid any more
    FOREIGN = "foreign"  #: the address is not allowed, or leads elsewhere
    TOO_LARGE = "too_large"  #: in bytes or in pixels
    UNREADABLE = "unreadable"  #: of no known type, or broken


class PictureError(Exception):
    """A picture that cannot be used; ``str``: for the log, without its address."""

    def __init__(self, problem: PictureProblem, detail: str) -> None:
        super().__init__(f"{problem}: {detail}")
        self.problem = problem


def scaled_picture(content: bytes) -> Picture:
    """The first frame of the picture, scaled down; blocks for up to a second.

    Raises PictureError.
    """
    kind = _kind(content)
    if kind is None:
        raise PictureError(PictureProblem.UNREADABLE, "of no known type")
    if kind == "JPEG" and content.count(_SCAN) > MAX_SCANS:
        raise PictureError(PictureProblem.TOO_LARGE, f"more than {MAX_SCANS} scans")
    try:
        with Image.open(io.BytesIO(content), formats=[kind]) as image:
            _check_pixels(image, MAX_JPEG_PIXELS if kind == "JPEG" else MAX_PIXELS)
            return _scaled(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(PictureProblem.TOO_LARGE, "a decompression bomb") from error
    except (OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError) as error:
        # What decoders raise for broken files; UnidentifiedImageError is an OSError.
        raise PictureError(PictureProblem.UNREADABLE, type(error).__name__) from error


def _kind(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for head, kind in _SIGNATURES if content.startswith(head)), None)


def _check_pixels(image: Image.Image, max_pixels: int) -> None:
    """Refuse by the header's size; nothing is decoded yet."""
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise PictureError(PictureProblem.TOO_LARGE, f"{pixels} pixels")


def _scaled(image: Image.Image) -> Picture:
    image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG is decoded at a fraction of its size
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    opaque = _on_white(_of_8_bits(_upright(image)))
    for side, quality in _STEPS:
        opaque.thumbnail((side, side))
        written = io.BytesIO()
        opaque.save(written, "JPEG", quality=quality)
        if written.tell() <= MAX_JPEG_BYTES:
            return Picture(content=written.getvalue(), width=opaque.width, height=opaque.height)
    raise PictureError(PictureProblem.TOO_LARGE, f"{written.tell()} bytes as a JPEG")


def _upright(image: Image.Image) -> Image.Image:
    """The picture as its camera was held; as it is where its metadata is broken."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except (SyntaxError, ValueError, TypeError, LookupError, OSError, ArithmeticError):
        return image


def _of_8_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 bits with its high bits: Pillow would cut, and all were white."""
    if not image.mode.startswith("I"):
        return image
    return image.point(lambda level: level * (1 / 256)).convert("L")


def _on_white(image: Image.Image) -> Image.Image:
    """The picture without transparency."""
    layered = image.convert("RGBA")
    white = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(white, layered).convert("RGB")
