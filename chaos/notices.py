"""The sentences that the bots of a run say in place of an answer, and what they mean."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

_FINAL = {
    "failed": "failed",
    "expired": "expired",
    "prompt_too_long": "prompt too long",
    "merged": "merged",
}
_FORBIDDEN = {
    "held_expired": "told that a fresh answer is too old",
    "held_delivered_already": "told that it has been shown",
}
_NOT_ACCEPTED = ("storage_down", "busy")


class Notices:
    """Recognizes sentences by their names in the bots' catalogs.

    ``catalogs``: of each version that takes part, sentences by name; their wording may differ.
    """

    def __init__(self, catalogs: Sequence[Mapping[str, object]]) -> None:
        self._catalogs = catalogs
        self._final = self._meanings(_FINAL)
        self._forbidden = self._meanings(_FORBIDDEN)
        self._not_accepted = [text for name in _NOT_ACCEPTED for text in self.sentences(name)]

    def sentences(self, name: str) -> frozenset[str]:
        """The sentence of this name in every version that has it."""
        return frozenset(str(catalog[name]) for catalog in self._catalogs if name in catalog)

    def is_not_accepted(self, texts: Container[str]) -> bool:
        """Whether these texts say that the message was not taken."""
        return any(sentence in texts for sentence in self._not_accepted)

    def final(self, texts: Container[str]) -> list[str]:
        """The meanings of the notices among these texts that end a message."""
        return [meaning for sentence, meaning in self._final.items() if sentence in texts]

    def refuses_again(self, texts: Container[str]) -> bool:
        """Whether these texts say that no question is asked again now."""
        names = ("nothing_again", "conversation_full")
        return any(sentence in texts for name in names for sentence in self.sentences(name))

    def stopped(self, text: str) -> list[str]:
        """What a text says of a stop; empty where it is about none."""
        if any(note in text for note in self.sentences("stopped_note")):
            return ["stopped"]
        # Nothing was written, or the job had no worker any more and nobody knows what it had.
        return ["stopped, nothing kept"] if text in self.sentences("cancelled") else []

    def forbidden(self, texts: Container[str]) -> list[str]:
        """The meanings of the notices among these texts that must never come."""
        return [meaning for sentence, meaning in self._forbidden.items() if sentence in texts]

    def _meanings(self, names: Mapping[str, str]) -> dict[str, str]:
        return {text: names[name] for name in names for text in self.sentences(name)}
