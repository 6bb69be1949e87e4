"""Checks that panes build their platform's message limits from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class LimitError(ValueError):
    """The platform would refuse this message; ``code`` is its error code, "" without one."""

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class LimitChecks:
    """Checks that raise LimitError. Lengths are code points."""

    default_code: str = ""  #: of errors without a code of their own

    def require(self, holds: bool, reason: str, code: str = "") -> None:
        """Raise unless it holds."""
        if not holds:
            raise LimitError(reason, code or self.default_code)

    def text(self, value: object, name: str, max_chars: int, code: str = "") -> str:
        """The value if it is a text with content and not too long."""
        if not isinstance(value, str) or not value.strip():
            raise LimitError(f"{name} must be a non-empty string", code or self.default_code)
        size = len(value)
        self.require(size <= max_chars, f"{name}: {size} characters, at most {max_chars}", code)
        return value

    def items(self, value: object, name: str, max_items: int) -> list[Any]:
        """The value if it is a list and not too long."""
        if not isinstance(value, list):
            raise LimitError(f"{name} must be a list", self.default_code)
        self.require(len(value) <= max_items, f"{name}: {len(value)}, at most {max_items}")
        return value

    def fields(self, value: object, name: str) -> dict[str, Any]:
        """The value if it is an object."""
        if not isinstance(value, dict):
            raise LimitError(f"{name} must be an object", self.default_code)
        return value
