"""One spelling for digits, letters, separators and blanks, code point by code point."""

from __future__ import annotations

import re
import unicodedata

_DASHES = "‐‑‒–—―−﹘﹣ㅡー─━"
_BLANKS = "\t\xa0\xad\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_BLANKS += "\u200b\u200c\u200d\u202f\u205f\u2060\u3000\ufeff\ufe0f\u20e3"
_MIDDLE_DOTS = "•∙・‧ㆍᆞ"

_SPELLINGS = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full width
    | dict.fromkeys(_DASHES, "-")
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_MIDDLE_DOTS, "·")
    | {"、": ",", "。": ".", "〜": "~", "∼": "~", "˜": "~"}
)
_OTHER_DIGIT = re.compile(r"[^\D0-9]")


def normalized(text: str) -> str:
    """``text`` with ASCII digits and letters, "-" for every dash and " " for every blank.

    Each code point becomes one: a place in the result is the same place in ``text``.
    """
    spelled = text.translate(_SPELLINGS)
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), spelled)
