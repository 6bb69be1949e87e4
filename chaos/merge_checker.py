"""The rule of merged messages: the turn that each was merged into answers for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chaos.journal import Journal, Message
from chaos.ledger import MergeTarget

#: The ends of a turn that no worker has to have asked the engine for.
_ENDS_UNASKED = ("failed", "expired", "cancelled")


def unasked(journal: Journal) -> list[Message]:
    """The messages that were told of their merge, and that are in no prompt."""
    asked = {name for generation in journal.generations for name in generation.merged}
    return [
        message
        for message in journal.messages.values()
        if message.is_merged and message.id not in asked
    ]


def unanswered(journal: Journal, merges: Mapping[str, MergeTarget]) -> Iterator[str]:
    """Messages that were told of their merge, and that their target does not answer for.

    It does with a prompt that holds them. Without one it has ended in another way than by an
    answer, which its own person was told, or asked for.
    """
    for message in unasked(journal):
        if wrong := _wrong(journal, merges.get(message.id)):
            yield f"{message.id} merged into {wrong}"


def _wrong(journal: Journal, target: MergeTarget | None) -> str:
    if target is None:
        return "nothing"
    if any(generation.message == target.message for generation in journal.generations):
        return f"{target.message}, which was asked without it"
    if target.status not in _ENDS_UNASKED:
        return f"{target.message}, which is {target.status} and was not asked"
    known = journal.messages.get(target.message)
    if target.status == "cancelled" and known and not journal.is_stop_asked(known):
        return f"{target.message}, which was stopped, though nobody asked"
    return ""
