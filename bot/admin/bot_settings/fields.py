"""The fields of the form: one by setting, with its words, its bounds and what is inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from bot.admin.bot_settings.inherited import Inherited
from bot.admin.bot_settings.words import (
    CHOICES,
    FLAGS,
    GROUPS,
    KEYS_IN_WORDS,
    NO_PLACEHOLDERS,
    NUMBER_BOUNDS,
    PROBLEMS,
    TEXT_BOUNDS,
)
from bot.admin.web.language import translate as _
from bot.configs.keys import KEYS, TYPED_KEYS
from bot.configs.kinds import AdapterName, Choice, Flag, Number, Prose
from bot.configs.problems import BadValueError, Problem
from bot.domain.turns import clean_text
from inference_queue.protocol import MAX_ADAPTER_CHARS

#: What stands in a field for a flag; ``Flag.parse`` reads the same.
_FLAG_WORDS = {True: "true", False: "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A setting as the form shows it."""

    key: str
    label: str
    meaning: str
    bounds: str
    control: str  #: text, long_text, number, name or choice
    typed: str  #: "": a wider scope decides
    problem: str  #: a sentence, or ""
    options: list[tuple[str, str]]  #: of a choice or name: the stored word and its label
    inherited: Inherited
    inherited_words: str
    is_changed: bool  #: against the live version


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Fields of one kind."""

    label: str
    fields: list[Field]


def form_groups(
    typed: Mapping[str, str],
    problems: Mapping[str, str],
    live: Mapping[str, Any],
    inherited: Mapping[str, Inherited],
    names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[FieldGroup]:
    """All fields. ``typed``: what stands in them; ``live``: what the scope itself sets now.

    ``names``: what is suggested where a name is typed, by key.
    """
    return [
        FieldGroup(
            _(group.label),
            [
                replace(
                    _field(key, typed.get(key, ""), problems.get(key, ""), live, inherited[key]),
                    options=[(name, name) for name in names.get(key, ())] or _options(key),
                )
                for key in group.keys
            ],
        )
        for group in GROUPS
    ]


def as_typed(values: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the fields for these values."""
    return {
        key: _FLAG_WORDS[value] if isinstance(value, bool) else str(value)
        for key, value in values.items()
    }


def read_fields(
    form: Mapping[str, str], before: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values that a form sets, and a sentence for each that cannot be.

    A key that the form does not name, as one of an older version, stays as ``before``, and so does
    a value that is sent back as it was: it may be longer than what can be typed.
    """
    shown = as_typed(before)
    values = {key: value for key, value in before.items() if key not in form}
    problems: dict[str, str] = {}
    for key in KEYS.keys() & form.keys():
        if form[key] == "":
            continue
        if clean_text(form[key]) == shown.get(key):
            values[key] = before[key]
            continue
        kind = TYPED_KEYS[key]
        try:
            values[key] = kind.check(kind.parse(_stripped(key, form[key])))
        except BadValueError as error:
            problems[key] = problem_words(error)
    return values, problems


def problem_words(error: BadValueError) -> str:
    """Why a value cannot be, in the request's language."""
    if error.problem is Problem.PLACEHOLDERS and not error.facts["words"]:
        return _(NO_PLACEHOLDERS)
    facts = {name: _number_words(fact) for name, fact in error.facts.items()}
    return _(PROBLEMS[error.problem], **facts)


def value_words(key: str, value: Any) -> str:
    """A value as people read it; "" for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _(FLAGS[value])
    meanings = CHOICES.get(key, {})
    return _(meanings[value]) if value in meanings else str(value)


def _number_words(fact: object) -> str:
    return f"{fact:,}" if isinstance(fact, int) else str(fact)


def _stripped(key: str, typed: str) -> str:
    return typed if isinstance(KEYS[key], Prose) else typed.strip()


def _field(
    key: str, typed: str, problem: str, live: Mapping[str, Any], inherited: Inherited
) -> Field:
    words = KEYS_IN_WORDS[key]
    return Field(
        key=key,
        label=_(words.label),
        meaning=_(words.meaning),
        bounds=bounds_words(key),
        control=_control(key),
        typed=typed,
        problem=problem,
        options=[],
        inherited=inherited,
        inherited_words=value_words(key, inherited.value),
        is_changed=typed != as_typed(live).get(key, ""),
    )


def bounds_words(key: str) -> str:
    """What may be typed; "" where one chooses."""
    match TYPED_KEYS[key]:
        case Number(low=low, high=high):
            return _(NUMBER_BOUNDS, low=f"{low:,}", high=f"{high:,}")
        case Prose(max_chars=max_chars):
            return _(TEXT_BOUNDS, max_chars=f"{max_chars:,}")
        case AdapterName():
            return _(TEXT_BOUNDS, max_chars=MAX_ADAPTER_CHARS)
    return ""


def _control(key: str) -> str:
    match KEYS[key]:
        case Number():
            return "number"
        case Prose(max_chars=max_chars):
            return "long_text" if max_chars > 1000 else "text"
        case AdapterName():
            return "name"
    return "choice"


def _options(key: str) -> list[tuple[str, str]]:
    match KEYS[key]:
        case Flag():
            return [(word, _(FLAGS[flag])) for flag, word in _FLAG_WORDS.items()]
        case Choice(words=words):
            return [(word, value_words(key, word)) for word in words]
    return []
