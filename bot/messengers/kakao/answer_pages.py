"""Pages of an answer: each as many pieces of plain text as one response has bubbles.

A page is computed from the stored answer each time, so that any page can be shown again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from bot.domain.turns import clean_text, has_visible
from bot.text.markdown import plain_text
from bot.text.splitting import split, utf16_units

MAX_BUBBLES = 3
#: The size of a piece of the answer; the rest of the bubble is for the notes beside it.
PIECE_CHARS = 900
#: The maximum of parsed Markdown: three times what the default BOT_KAKAO_MAX_NEW_TOKENS gives.
MAX_MARKDOWN_CHARS = 16_000
#: The last page that can be asked for.
MAX_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its pieces, empty where the answer has no such page."""

    number: int  #: from 1
    pieces: tuple[str, ...]
    has_next: bool
    is_cut: bool  #: the answer goes on behind this page, and no page shows it


def answer_page(markdown: str, number: int) -> Page:
    """The page of an answer; ``number`` is from 1 to MAX_PAGE."""
    text = clean_text(markdown)
    plain = plain_text(text[:MAX_MARKDOWN_CHARS])
    first = (number - 1) * MAX_BUBBLES
    # A bubble without anything visible would look like a fault.
    visible = filter(has_visible, split(plain, PIECE_CHARS, utf16_units))
    pieces = list(islice(visible, first, first + MAX_BUBBLES + 1))
    has_next = len(pieces) > MAX_BUBBLES
    return Page(
        number=number,
        pieces=tuple(pieces[:MAX_BUBBLES]),
        has_next=has_next,
        is_cut=not has_next and len(text) > MAX_MARKDOWN_CHARS,
    )
