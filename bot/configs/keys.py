"""The keys that a scope may set, and what each of them accepts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bot.configs.kinds import AdapterName, Choice, Flag, Kind, Number, Prose, placeholders
from bot.configs.problems import BadValueError, Problem
from bot.domain.bot_config import BotConfig, ThreadRule
from bot.settings import MAX_COUNT
from bot.text.catalog import TEXTS
from bot.text.splitting import utf16_units
from inference_queue.presets import PRESETS

MAX_PROMPT_CHARS = 20_000
#: In the dashboard's forms: half of an 8,192-token window at Llama-3's 0.48 to 0.59 tokens a
#: character of Korean prose, and a page below 60 kB. Longer ones that are stored stay good.
MAX_TYPED_PROMPT_CHARS = 8_000
#: Shorter than one of Kakao's bubbles, so that a sentence is never cut.
MAX_TEXT_CHARS = 900
#: Stands in one bubble with a piece of the answer.
MAX_NOTICE_CHARS = 90
MAX_TOKENS = 32_768
MAX_HISTORY_TURNS = 200
#: Precedes the name of a sentence: ``texts.about``.
TEXT_PREFIX = "texts."
#: The sentences in which a deployment speaks for itself. "welcome" is a messenger's own, not the
#: catalogue's: it greets who comes in.
_OWN_TEXTS = (
    "about",
    "help",
    "help_command",
    "help_chat",
    "ai_notice",
    "reset_done",
    "media_unsupported",
    "failed",
    "busy",
    "welcome",
)


def _same_placeholders(original: str, sentence: str) -> None:
    wanted, found = placeholders(original), placeholders(sentence)
    if wanted != found:
        words = ", ".join(f"{{{name}}}" for name in sorted(wanted))
        sentence = f"the sentence must hold {words or 'no placeholder'}, like the original"
        raise BadValueError(Problem.PLACEHOLDERS, sentence, words=words)


def _text_kinds() -> dict[str, Kind]:
    return {
        TEXT_PREFIX + name: Prose(
            MAX_NOTICE_CHARS if name == "ai_notice" else MAX_TEXT_CHARS,
            count=utf16_units,
            also=partial(_same_placeholders, getattr(TEXTS["ko"], name, "")),
        )
        for name in _OWN_TEXTS
    }


KEYS: Mapping[str, Kind] = {
    "system_prompt": Prose(MAX_PROMPT_CHARS),
    "preset": Choice(("auto", *PRESETS)),
    "adapter": AdapterName(),
    "max_new_tokens": Number(1, MAX_TOKENS),
    "history_turns": Number(0, MAX_HISTORY_TURNS),
    "ai_notice": Flag(),
    "thread_rule": Choice(tuple(ThreadRule)),
    "rate_limit_per_minute": Number(0, MAX_COUNT),
    "max_waiting_turns": Number(0, MAX_COUNT),
    **_text_kinds(),
}

#: What the dashboard's forms accept.
TYPED_KEYS: Mapping[str, Kind] = {**KEYS, "system_prompt": Prose(MAX_TYPED_PROMPT_CHARS)}


def read_values(stored: object) -> tuple[BotConfig, dict[str, str]]:
    """The settings in a stored row, and why each unusable key of it is ignored."""
    accepted, ignored = usable_values(stored)
    return _config(accepted), ignored


def usable_values(stored: object) -> tuple[dict[str, Any], dict[str, str]]:
    """The values in a stored row by key, and why each unusable key of it is ignored.

    A row may come from a newer version, with keys and values that this one does not know.
    """
    if not isinstance(stored, dict):
        return {}, {"": "the row is no JSON object"}
    accepted: dict[str, Any] = {}
    ignored: dict[str, str] = {}
    for key, value in stored.items():
        try:
            accepted[key] = check(key, value)
        except ValueError as error:
            ignored[key] = str(error)
    return accepted, ignored


def check(key: str, value: object) -> object:
    """The value of the key, cleaned. Raises BadValueError."""
    if key not in KEYS:
        sentence = f"no such key; there are {', '.join(KEYS)}"
        raise BadValueError(Problem.UNKNOWN_KEY, sentence)
    return KEYS[key].check(value)


def _config(values: Mapping[str, Any]) -> BotConfig:
    plain = {key: value for key, value in values.items() if not key.startswith(TEXT_PREFIX)}
    texts = {
        key.removeprefix(TEXT_PREFIX): value
        for key, value in values.items()
        if key.startswith(TEXT_PREFIX)
    }
    if "thread_rule" in plain:
        plain["thread_rule"] = ThreadRule(plain["thread_rule"])
    return BotConfig(**plain, texts=texts)
