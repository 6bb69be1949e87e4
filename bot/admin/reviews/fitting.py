"""The page of a review within its size: the longest texts are cut, and lead to the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.admin.reading.bounds import bounded, html_bytes
from bot.admin.reviews.diff import Part, shortened
from bot.admin.reviews.view_models import ReviewView, Said, TurnView, VoteView

#: Of all texts, those in the forms included: with the rest of the page below 60 kB.
TEXTS_BYTES = 44_000
#: What is left to the texts beside the forms, however long these are.
_MIN_BYTES = 6_000
#: The tags of a part of a comparison.
_PART_BYTES = 11
_SYLLABLE_BYTES = 3


def fitted(view: TurnView, typed: Sequence[str]) -> TurnView:
    """The view beside forms with these texts. Takes time: call it in the masking thread."""
    room = max(TEXTS_BYTES - sum(map(html_bytes, typed)), _MIN_BYTES)
    most = level(list(_sizes(view)), room)
    return replace(
        view,
        said=_said(view.said, most),
        earlier=[_said(one, most) for one in view.earlier],
        votes=[_vote(one, most) for one in view.votes],
        reviews=[_review(one, most) for one in view.reviews],
        decided=_review(view.decided, most) if view.decided else None,
    )


def level(sizes: Sequence[int], room: int) -> int:
    """The most that each may have, so that all together have ``room``: the small ones keep all."""
    left = room
    for place, size in enumerate(ordered := sorted(sizes)):
        share = left // (len(ordered) - place)
        if size > share:
            return share
        left -= size
    return room


def _sizes(view: TurnView) -> Iterator[int]:
    for said in (view.said, *view.earlier):
        yield html_bytes(said.question)
        yield html_bytes(said.answer)
    for vote in view.votes:
        yield html_bytes(vote.note)
    for review in (*view.reviews, *([view.decided] if view.decided else ())):
        yield html_bytes(review.note)
        yield _changes_bytes(review.changes)


def _changes_bytes(parts: Sequence[Part]) -> int:
    return sum(html_bytes(part.text) + _PART_BYTES for part in parts)


def _said(said: Said, most: int) -> Said:
    question, answer = _cut(said.question, most), _cut(said.answer, most)
    return Said(question, answer, cut=(question, answer) != (said.question, said.answer))


def _vote(vote: VoteView, most: int) -> VoteView:
    return replace(vote, note=_cut(vote.note, most))


def _review(review: ReviewView, most: int) -> ReviewView:
    parts = review.changes
    if _changes_bytes(parts) > most:
        parts = shortened(parts, most // _SYLLABLE_BYTES // 2)
    return replace(review, note=_cut(review.note, most), changes=parts)


def _cut(text: str, most: int) -> str:
    return text if html_bytes(text) <= most else f"{bounded(text, most)} …"
