"""The fields of a request: typed, with a sentence for each that is wrong. null counts as absent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from inference_worker.api.errors import ApiError


class Fields:
    """Reads a JSON object; every method raises ApiError for a value of another kind."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def get(self, name: str) -> object:
        """The value as it is; None where it is absent."""
        return self._values.get(name)

    def number(self, name: str, default: float) -> float:
        """A finite number."""
        value = self._values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong(name, "must be a number")
        if not math.isfinite(value):
            raise wrong(name, "must be a finite number")
        return float(value)

    def whole(self, name: str) -> int | None:
        """A whole number; JSON's 16.0 is one."""
        value = self._values.get(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise wrong(name, "must be a whole number")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false where it is absent."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise wrong(name, "must be true or false")
        return bool(value)

    def text(self, name: str) -> str:
        """A text; "" where it is absent."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, str):
            raise wrong(name, "must be text")
        return value or ""

    def texts(self, name: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        value = self._values.get(name)
        listed = [value] if isinstance(value, str) else value or []
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise wrong(name, "must be text or a list of texts")
        return tuple(listed)

    def inner(self, name: str) -> Fields:
        """An object; an empty one where it is absent."""
        value = self._values.get(name)
        if value is not None and not isinstance(value, dict):
            raise wrong(name, "must be an object")
        return Fields(value or {})


def wrong(name: str, what: str) -> ApiError:
    """The error of a field: its name, and what it must be."""
    return ApiError(400, f"{name} {what}.", param=name)
