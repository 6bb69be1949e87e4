"""Validation errors of settings, by the names of their environment variables."""

from __future__ import annotations

from pydantic import ValidationError

#: What reading a block of settings raises. Windows saves a .env file in CP949 if it is let.
SETTINGS_ERRORS = (ValidationError, UnicodeDecodeError)


def settings_errors(error: ValidationError | UnicodeDecodeError, prefix: str) -> list[str]:
    """A line per error, ``WORKER_SLOTS: Input should be ...``, without any value."""
    if isinstance(error, UnicodeDecodeError):
        return [".env: it is not UTF-8; save it in that encoding"]
    return [f"{_name(problem['loc'], prefix)}: {problem['msg']}" for problem in error.errors()]


def invalid_settings(error: ValidationError, prefix: str) -> list[str]:
    """The names alone, each once, such as ``WORKER_SLOTS``."""
    return list(dict.fromkeys(_name(problem["loc"], prefix) for problem in error.errors()))


def _name(location: tuple[int | str, ...], prefix: str) -> str:
    # Only the first part names a variable; the others point into its value.
    return prefix + "".join(str(part) for part in location[:1]).upper()
