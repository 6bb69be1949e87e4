"""The simulator's photo: five petals on a blue ground, drawn when the first person sends it."""

from __future__ import annotations

import functools
import io
import math

from PIL import Image, ImageDraw

SIZE = (640, 480)
_PETAL, _HEART, _SKY = "#f7a8c4", "#ffd75e", "#bfe3ff"


@functools.cache
def sample_photo() -> bytes:
    """A JPEG; takes some milliseconds the first time."""
    image = Image.new("RGB", SIZE, _SKY)
    draw = ImageDraw.Draw(image)
    x, y = SIZE[0] / 2, SIZE[1] / 2
    for petal in range(5):
        angle = 2 * math.pi * petal / 5
        draw.circle((x + 85 * math.sin(angle), y - 85 * math.cos(angle)), 75, fill=_PETAL)
    draw.circle((x, y), 45, fill=_HEART)
    written = io.BytesIO()
    image.save(written, "JPEG")
    return written.getvalue()
