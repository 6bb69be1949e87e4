"""A refusal of the Web API."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """``{"ok": false, "error": code}``, with further fields where a method names them."""

    def __init__(self, code: str, **fields: Any) -> None:
        super().__init__(code)
        self.code = code
        self.fields = fields

    def document(self) -> dict[str, Any]:
        """The response's JSON."""
        return {"ok": False, "error": self.code, **self.fields}


class RateLimitedError(SlackError):
    """HTTP 429 with Retry-After, in seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("ratelimited")
        self.retry_after_s = retry_after_s
