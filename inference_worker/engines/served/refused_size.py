"""How servers say by how much a prompt is too long; the numbers, where they give some."""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Tokens of the prompt: vLLM (three wordings), SGLang (two), llama.cpp, TGI (two).
_GIVEN = re.compile(
    r"(\d+) (?:in the messages|(?:tokens )?from the input|input tokens|prompt tokens)"
    r"|(\d+) `inputs` tokens|resulted in (\d+) tokens|(?:input|request|prompt) \((\d+) tokens\)"
    r"|given: (\d+)(?! `)",
    re.IGNORECASE,
)
#: The comma in 131,072.
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
#: Tokens that there is room for, the answer's among them.
_ALLOWED = re.compile(
    r"(?:context (?:length|size|window)|maximum length)\D{0,24}(\d+)"
    r"|less than (\d+) tokens|must be <= (\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class RefusedSize:
    """Tokens; 0 where the server does not say."""

    given: int = 0  #: the prompt's
    allowed: int = 0  #: of the prompt, or of prompt and answer together


def read_refused_size(reason: str) -> RefusedSize:
    """The numbers in a server's reason."""
    return RefusedSize(_number(_GIVEN, reason), _number(_ALLOWED, reason))


def _number(pattern: re.Pattern[str], reason: str) -> int:
    found = pattern.search(_THOUSANDS.sub("", reason[:2000]))
    digits = next((group for group in found.groups() if group), "0") if found else "0"
    return int(digits[:9])
