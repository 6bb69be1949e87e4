"""Long texts on pages of bounded size: how many bytes they take, and their beginning."""

from __future__ import annotations

from markupsafe import escape

#: The largest part of a text on the page of its turn or prompt, in bytes of HTML.
PART_BYTES = 12_000


def html_bytes(text: str) -> int:
    """The bytes of the text in a page."""
    return len(str(escape(text)).encode())


def bounded(text: str, max_bytes: int) -> str:
    """The longest beginning, or nearly, that takes at most ``max_bytes`` in a page."""
    shown = text[:max_bytes]
    while (size := html_bytes(shown)) > max_bytes:
        shown = shown[: min(len(shown) * max_bytes // size, len(shown) - 1)]
    return shown
