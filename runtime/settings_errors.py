"""Validation errors of settings, by the names of their environment variables."""

from __future__ import annotations

import re
from typing import Any, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

#: What reading a block of settings raises. Windows saves a .env file in CP949 if it is let.
SETTINGS_ERRORS = (ValidationError, UnicodeDecodeError)

_MAX_VALUE_CHARS = 40
#: Values that may hold a secret are not repeated.
_CONFIDENTIAL = re.compile(r"(url|key|secret|password|token|prompt)s?$")


def settings_errors(
    error: ValidationError | UnicodeDecodeError, block: type[BaseModel], prefix: str
) -> list[str]:
    """A line per error, such as ``BOT_PORT=abc: a whole number from 0 to 65535 is needed``.

    The value is shown only where it can hold no secret.
    """
    if isinstance(error, UnicodeDecodeError):
        return [".env: it is not UTF-8; save it in that encoding"]
    return [_line(dict(problem), block, prefix) for problem in error.errors()]


def invalid_settings(error: ValidationError, prefix: str) -> list[str]:
    """The names alone, each once, such as ``WORKER_SLOTS``."""
    return list(dict.fromkeys(_name(problem["loc"], prefix) for problem in error.errors()))


def _line(problem: dict[str, Any], block: type[BaseModel], prefix: str) -> str:
    location = problem["loc"]
    field = block.model_fields.get(str(location[0])) if location else None
    shown = _shown(str(location[0]), field, problem["input"]) if location else ""
    return f"{_name(location, prefix)}{shown}: {_reason(problem, field)}"


def _name(location: tuple[int | str, ...], prefix: str) -> str:
    # Only the first part names a variable; the others point into its value.
    return prefix + "".join(str(part) for part in location[:1]).upper()


def _shown(name: str, field: FieldInfo | None, value: object) -> str:
    """The value as it was written, or ""."""
    if field is None or field.annotation is SecretStr or _CONFIDENTIAL.search(name):
        return ""
    short = isinstance(value, str) and len(value) <= _MAX_VALUE_CHARS and value.isprintable()
    return f"={value}" if short else ""


def _reason(problem: dict[str, Any], field: FieldInfo | None) -> str:
    if field is not None and field.annotation in (int, float):
        kind = "a whole number" if field.annotation is int else "a number"
        return " ".join([kind, *_range(field), "is needed"])
    if field is not None and field.annotation is bool:
        return "true or false is needed"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if field is not None and get_origin(field.annotation) and "expected" in problem.get("ctx", {}):
        return f"{str(problem['ctx']['expected']).replace(chr(39), '')} is needed"
    return message[:1].lower() + message[1:]


def _range(field: FieldInfo) -> list[str]:
    """The bounds in words, such as ``from 0 to 65535`` or ``above 0 and at most 290``."""
    low = high = ""
    for bound in field.metadata:
        if isinstance(bound, Ge):
            low = f"from {bound.ge:g}" if _has(field, Le) else f"of at least {bound.ge:g}"
        elif isinstance(bound, Gt):
            low = f"above {bound.gt:g}"
        elif isinstance(bound, Le):
            high = (
                f"to {_plain(bound.le)}" if _has(field, Ge) else f"and at most {_plain(bound.le)}"
            )
        elif isinstance(bound, Lt):
            high = f"below {_plain(bound.lt)}"
    return [words for words in (low, high) if words]


def _has(field: FieldInfo, kind: type[Ge | Le]) -> bool:
    return any(isinstance(bound, kind) for bound in field.metadata)


def _plain(number: Any) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
