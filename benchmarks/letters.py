"""Texts of letters that break easily: Hangul, jamo, emoji of many code points, combining marks."""

from __future__ import annotations

import random

from bot.domain.turns import clean_text

_EMOJI = (
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳️\u200d🌈",
    "👍🏽",
    "🇰🇷",
    "1️⃣",
    "🧑🏿\u200d💻",
    "🥲",
    "❤️\u200d🔥",
)
_MARKED = ("e\u0301\u0323", "ㄱ\u0308", "ñ", "ไก่", "नमस्ते", "q\u0307", "ﷺ", "が")
_JAMO = ("ㅎ", "ㅏ", "ㄳ", "ㅋㅋㅋ", "\u1112\u119e\u11ab", "\ua960\u1161")
_OPEN = ("<3 ", "a < b ", "&amp ", "<@U1 ", "&lt; ", "<!here ")


def tokens(seed: int, count: int) -> list[str]:
    """An answer in ``count`` tokens: parts of letters, too, and as a whole it is clean text.

    Cleaning composes letters, so the tokens are cut from the cleaned text.
    """
    dice = random.Random(seed)
    text = clean_text("가" + "".join(_letter(dice) for _ in range(count)))
    cuts = sorted(dice.sample(range(1, len(text)), count - 1))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def _letter(dice: random.Random) -> str:
    kind = dice.random()
    if kind < 0.7:
        return "".join(chr(dice.randint(0xAC00, 0xD7A3)) for _ in range(dice.randint(1, 3)))
    if kind < 0.75:
        return " "
    return dice.choice(dice.choice((_EMOJI, _EMOJI, _MARKED, _JAMO, _OPEN)))
