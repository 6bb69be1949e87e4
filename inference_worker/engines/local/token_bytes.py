"""The bytes of tokens, where a decoder cannot say what an unfinished character is."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer

#: SentencePiece's sign for the space before a word.
WORD_START = "\u2581"
_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")


def _byte_level_alphabet() -> dict[str, int]:
    """The character that stands for each byte in byte-level vocabularies (GPT-2's table).

    Printable Latin-1 characters stand for themselves; the other bytes take those from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    alphabet = {chr(byte): byte for byte in printable}
    return alphabet | {chr(0x100 + at): byte for at, byte in enumerate(others)}


_ALPHABET = _byte_level_alphabet()


def whole_characters(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """The text of the tokens without bytes that are no character; special tokens have none.

    A decoder shows such bytes as U+FFFD, as it shows a U+FFFD that the model wrote.
    """
    special = {at for at, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    raw = b"".join(
        _bytes_of(tokenizer.id_to_token(token)) for token in tokens if token not in special
    )
    return raw.decode("utf-8", "ignore")


class TokenBytes:
    """The bytes of each token, those of special and added tokens as they are written."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._added = tokenizer.get_added_tokens_decoder()
        self._known: dict[int, bytes] = {}

    def of(self, token: int) -> bytes:
        """Nothing for an id that the tokenizer lacks: vocabularies are padded."""
        if token not in self._known:
            added = self._added.get(token)
            self._known[token] = (
                added.content.encode() if added else _bytes_of(self._tokenizer.id_to_token(token))
            )
        return self._known[token]


def _bytes_of(token: str | None) -> bytes:
    if not token:
        return b""
    if byte := _BYTE_TOKEN.fullmatch(token):
        return bytes([int(byte.group(1), 16)])
    if all(character in _ALPHABET for character in token):
        return bytes(_ALPHABET[character] for character in token)
    return token.replace(WORD_START, " ").encode()
