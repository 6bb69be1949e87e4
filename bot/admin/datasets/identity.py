"""What of an item is the same in every data set and version: its id, its split, its hash."""

from __future__ import annotations

import hashlib
from uuid import UUID

from bot.domain.datasets import DatasetKind, Split
from bot.domain.normal_form import folded

#: Of a thousand conversations so many are for validation, and so many for the test.
VALIDATION, TEST = 50, 50


def item_id(kind: DatasetKind, turn_id: UUID) -> str:
    """The id of the item that is made of a turn: it tells nothing of the turn."""
    digest = hashlib.blake2s(turn_id.bytes, digest_size=10, person=b"items").hexdigest()
    return f"{kind}-{digest}"


def split_of(conversation_id: int) -> Split:
    """The split of a conversation: always the same, however many there are."""
    number = str(conversation_id).encode()
    digest = hashlib.blake2s(number, digest_size=8, person=b"splits").digest()
    place = int.from_bytes(digest) * 1000 >> 64
    if place < TEST:
        return Split.TEST
    return Split.VALIDATION if place < TEST + VALIDATION else Split.TRAIN


def text_hash(*texts: str, loose: bool) -> bytes:
    """A hash that texts have in common whose letters are the same.

    The width and the case of letters, and the kind of blanks, make no difference; where ``loose``,
    neither do blanks and punctuation.
    """
    normal = [_loose(folded(one)) if loose else " ".join(folded(one).split()) for one in texts]
    return hashlib.sha256("\0".join(normal).encode("utf-8", "replace")).digest()


def _loose(text: str) -> str:
    """Letters and digits alone; of a text without any, the text."""
    return "".join(filter(str.isalnum, text)) or text
