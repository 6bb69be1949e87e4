"""The time-outs that webhooks leave to Postgres, stretched: a busy machine needs longer.

Only tests about a slow or frozen Postgres run with the true ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from unittest import mock

from bot.conversation import accept_batcher, inbox
from bot.delivery import sync_window
from bot.messengers.generic import event_stream, result_reader
from bot.messengers.kakao import held_answers, turn_response

FACTOR = 10
_TIMEOUTS: tuple[tuple[ModuleType, str], ...] = (
    (accept_batcher, "ALONE_S"),
    (inbox, "ACCEPT_TIMEOUT_S"),
    (sync_window, "ALONE_S"),
    (turn_response, "DATABASE_TIMEOUT_S"),
    (held_answers, "DATABASE_TIMEOUT_S"),
    (result_reader, "DATABASE_TIMEOUT_S"),
    (event_stream, "DATABASE_TIMEOUT_S"),
)
_TRUE = [getattr(module, name) for module, name in _TIMEOUTS]


@contextmanager
def stretched_timeouts(factor: float = FACTOR) -> Iterator[None]:
    """Within, the time-outs are ``factor`` times the true ones."""
    with ExitStack() as exits:
        for (module, name), true_s in zip(_TIMEOUTS, _TRUE, strict=True):
            exits.enter_context(mock.patch.object(module, name, factor * true_s))
        yield


@contextmanager
def true_timeouts() -> Iterator[None]:
    """Within, the time-outs are those of production."""
    with stretched_timeouts(1):
        yield
