"""Models whose chat template knows no system role: its text goes before the first question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from inference_queue.protocol import Message, Role


class SystemRole(StrEnum):
    """WORKER_SYSTEM_ROLE."""

    AUTO = "auto"  #: tried, and folded once the template or the server refuses it
    YES = "yes"
    NO = "no"


def fold_system(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with the system's text in the first user message, a blank line between."""
    system = "\n\n".join(m.content for m in messages if m.role is Role.SYSTEM and m.content)
    rest = [m for m in messages if m.role is not Role.SYSTEM]
    first = next((at for at, m in enumerate(rest) if m.role is Role.USER), None)
    if not system or first is None:
        return tuple(rest)
    content = f"{system}\n\n{rest[first].content}"
    return (*rest[:first], replace(rest[first], content=content), *rest[first + 1 :])
