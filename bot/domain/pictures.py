"""People's pictures, as a model gets them."""

from __future__ import annotations

from dataclasses import dataclass, field

#: The longer side in pixels.
MAX_SIDE = 1024
#: Four of them as base64 fit into one message of a job.
MAX_JPEG_BYTES = 195_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A JPEG without metadata, of at most MAX_JPEG_BYTES."""

    content: bytes = field(repr=False)
    width: int  #: in pixels, at most MAX_SIDE
    height: int

    media_type = "image/jpeg"
