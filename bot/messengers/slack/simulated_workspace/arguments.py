"""The arguments of a call, from JSON, a form or a query, read as Slack reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.messengers.slack.simulated_workspace.errors import SlackError

#: Arguments that a form holds as JSON, and that are objects or lists in JSON.
_NESTED = frozenset({"blocks", "metadata"})
_TRUE = frozenset({True, "true", "True", "1"})


@dataclass(frozen=True, slots=True)
class Arguments:
    """Raises SlackError("invalid_arguments") for a missing or malformed argument."""

    values: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        """A text; ``default`` where it is missing."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise invalid(f"{name} must be a string")
        return value

    def required(self, name: str) -> str:
        """A text with content."""
        value = self.text(name)
        if not value:
            raise invalid(f"missing required field: {name}")
        return value

    def flag(self, name: str) -> bool:
        """Whether the argument is true, as JSON or as a form writes it."""
        value = self.values.get(name)
        return isinstance(value, bool | str | int) and value in _TRUE

    def integer(self, name: str, default: int) -> int:
        """An integer; ``default`` where it is missing."""
        value = self.values.get(name)
        try:
            return default if value in (None, "") else int(str(value))
        except ValueError:
            raise invalid(f"{name} must be an integer") from None

    def items(self, name: str) -> list[Any]:
        """A list, which a form holds as JSON; empty where it is missing."""
        value = self._nested(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise invalid(f"{name} must be a list")
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        """An object, which a form holds as JSON; None where it is missing."""
        value = self._nested(name)
        if value is not None and not isinstance(value, dict):
            raise invalid(f"{name} must be an object")
        return value

    def _nested(self, name: str) -> Any:
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except (ValueError, RecursionError):
            raise invalid(f"{name} must be JSON") from None


def parse_arguments(content_type: str, body: bytes) -> dict[str, Any]:
    """The arguments in a request's body, JSON or a form; raises ValueError."""
    if content_type != "application/json":
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return {name: json.loads(form[name]) if name in _NESTED else form[name] for name in form}
    try:
        values = json.loads(body or b"{}")
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(values, dict):
        raise ValueError("not an object")
    return values


def invalid(reason: str) -> SlackError:
    """The refusal of an argument, with Slack's way of naming the reason."""
    return SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {reason}"]})
