"""What the workers announce that a setting may name, and what is said where none does."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from bot.admin.web.language import translate as _
from bot.admin.workers.views import WORKERS
from bot.workers import has_adapter
from inference_queue.protocol import NO_ADAPTER

_MISSING = (
    "{name} 어댑터를 가진 워커가 지금 없습니다. 그런 워커가 켜질 때까지 질문이 기다리고, 기한이"
    " 지나면 답하지 못합니다. 어댑터 없는 모델이 대신 답하지는 않습니다."
)


def names_of(request: web.Request) -> dict[str, Sequence[str]]:
    """The names to suggest, by the key of the setting."""
    return {"adapter": [*request.app[WORKERS].adapters, NO_ADAPTER]}


def adapter_warning(request: web.Request, name: object) -> str:
    """Why questions would not be answered with this adapter; "": nothing is known against it.

    Where Valkey is away nobody knows what the workers have.
    """
    workers = request.app[WORKERS].workers
    if not name or name == NO_ADAPTER or workers is None or has_adapter(str(name), workers):
        return ""
    return _(_MISSING, name=name)
