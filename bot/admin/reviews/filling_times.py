"""When a queue is to be filled, and with the turns of which time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.admin.web.labels import KST
from bot.domain.reviews import Sampling
from bot.store.reviews.queues import Queue
from bot.store.search.segments import BEGINNING

#: A change is looked at so long again: its transaction may have ended late, by another's clock.
LOOK_BACK = timedelta(seconds=60)
#: Between two looks at what changed.
_LOOK_EVERY = timedelta(seconds=15)
#: After midnight in Korea: by then the turns of the day have their answers.
_AFTER_MIDNIGHT = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The turns of one filling."""

    since: datetime
    until: datetime  #: exclusive; also the moment that relative dates of the query mean
    changed_after: datetime | None = None  #: those that changed; None: those received


def due(queue: Queue, now: datetime) -> Window | None:
    """The window of the filling that an open queue needs now; None: none."""
    filled = queue.filled_until
    if filled is None:
        return Window(since=BEGINNING, until=queue.created_at)
    if not queue.fills_itself:
        return None
    if queue.sampling is Sampling.ALL:
        seen = Window(since=BEGINNING, until=now, changed_after=filled)
        return seen if now - filled >= LOOK_BACK + _LOOK_EVERY else None
    day = filled.astimezone(KST).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = day + timedelta(days=1)
    is_over = now >= midnight + _AFTER_MIDNIGHT
    return Window(since=filled, until=midnight) if is_over else None
