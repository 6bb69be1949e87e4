"""Token ids to text, incrementally: whole characters only, and never a stop string."""

from __future__ import annotations

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from inference_worker.engines.local.token_bytes import whole_characters

REPLACEMENT_CHARACTER = "\ufffd"


class TextStream:
    """The text of one answer while it is being written.

    Text that may begin a stop string is held back until the next tokens decide. Bytes that never
    become a character are left out; a U+FFFD that the model wrote is one. Belongs to one thread.
    """

    def __init__(self, tokenizer: Tokenizer, stop: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._stop = stop
        self._undecoded: list[int] = []  # tokens that gave no text yet
        self._held = ""
        self.stopped = False  #: a stop string has come; the text ends before it
        self.text = ""  #: everything handed out so far

    def push(self, token: int) -> str:
        """The characters that have become final, often none."""
        piece = self._decoder.step(self._tokenizer, token)
        self._undecoded.append(token)
        if not piece:
            return self._take("")
        if REPLACEMENT_CHARACTER in piece:
            piece = whole_characters(self._tokenizer, self._undecoded)
        self._undecoded.clear()
        return self._take(piece)

    def _take(self, piece: str) -> str:
        self._held += piece
        ends = [at for stop in self._stop if (at := self._held.find(stop)) >= 0]
        if not ends:
            return self._release(len(self._held) - self._undecided())
        self.stopped = True
        certain = self._release(min(ends))
        self._held = ""
        return certain

    def flush(self) -> str:
        """The held-back text, once no more tokens come."""
        # The decoder waits after U+FFFD: it may stand for half a character, or for itself.
        certain = self._take(whole_characters(self._tokenizer, self._undecoded))
        self._undecoded.clear()
        return certain + self._release(len(self._held))

    def _release(self, length: int) -> str:
        certain, self._held = self._held[:length], self._held[length:]
        self.text += certain
        return certain

    def _undecided(self) -> int:
        """Length of the longest end of the held text with which a stop string may begin."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        return next(
            (
                length
                for length in range(min(longest, len(self._held)), 0, -1)
                if any(stop.startswith(self._held[-length:]) for stop in self._stop)
            ),
            0,
        )
