"""The feed of the live tail: one look at Postgres a second for all who follow, none for nobody."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.live.items import LiveItem, live_item
from bot.privacy.masking_thread import run_masking
from bot.store.latest_turns import LatestTurn, changed_turns
from runtime.periodic import run_periodically
from runtime.tasks import cancel_and_wait
from runtime.timeouts import run_with_timeout

LOOK_EVERY_S = 1.0
TIMEOUT_S = 3.0
#: Each look goes back so far: a turn is committed some time after its receipt.
WITHIN_S = 10.0
#: Turns of one look, and of one viewer that reads slowly; the rest is told as a number.
LIMIT = 50
MAX_UNREAD = 100
#: Turns that are remembered as told.
_MAX_TOLD = 10_000
MAX_STREAMS = 64
MAX_STREAMS_OF_A_VIEWER = 4


class Follower:
    """What one viewer has not read yet, and how much of it was dropped."""

    def __init__(self, messenger: str) -> None:
        self._messenger = messenger
        self._unread: deque[LiveItem] = deque()
        self._skipped = 0
        self._some = asyncio.Event()

    def tell(self, items: Sequence[LiveItem]) -> None:
        """Keep the items for the viewer; the oldest are dropped where it does not read."""
        for item in items:
            if self._messenger in {"", item.messenger_name}:
                self._unread.append(item)
        while len(self._unread) > MAX_UNREAD:
            self._unread.popleft()
            self._skipped += 1
        if self._unread:
            self._some.set()

    async def next(self, timeout_s: float) -> tuple[list[LiveItem], int]:
        """The unread items and the number of dropped ones; both empty after ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._some.wait(), timeout_s)
        self._some.clear()
        items, skipped = list(self._unread), self._skipped
        self._unread.clear()
        self._skipped = 0
        return items, skipped


class LiveFeed:
    """Tells followers of turns that came in or ended. Closed, it takes no more followers."""

    def __init__(self, database: AsyncEngine, messengers: Mapping[str, str]) -> None:
        self.closed = False
        self._database = database
        self._messengers = messengers
        self._followers: dict[Follower, str] = {}
        self._told: OrderedDict[tuple[UUID, str], None] = OrderedDict()
        self._recent: deque[tuple[float, LiveItem]] = deque(maxlen=MAX_UNREAD)
        self._looking: asyncio.Task[None] | None = None

    def has_room(self, viewer: str) -> bool:
        """Whether this viewer may open another stream."""
        mine = Counter(self._followers.values())[viewer]
        full = len(self._followers) >= MAX_STREAMS or mine >= MAX_STREAMS_OF_A_VIEWER
        return not (self.closed or full)

    @contextlib.contextmanager
    def follow(self, viewer: str, messenger: str) -> Iterator[Follower]:
        """Follow the feed within this block; ``messenger``: "" for all of them."""
        follower = Follower(messenger)
        # What was told between the page and its stream.
        since = time.monotonic() - WITHIN_S
        follower.tell([item for told_at, item in self._recent if told_at >= since])
        self._followers[follower] = viewer
        if self._looking is None or self._looking.done():
            looks = run_periodically(self.look, LOOK_EVERY_S)
            self._looking = asyncio.create_task(looks, name="live_feed")
        try:
            yield follower
        finally:
            del self._followers[follower]
            if not self._followers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def look(self) -> None:
        """Look once, and tell everybody what is new. Raises DATABASE_ERRORS."""
        found = await run_with_timeout(TIMEOUT_S, self._read())
        new = [turn for turn in found if self._is_new(turn)]
        items = await run_masking(lambda: [live_item(turn, self._messengers) for turn in new])
        self._recent.extend((time.monotonic(), item) for item in items)
        for follower in list(self._followers):
            follower.tell(items)

    async def close(self) -> None:
        """End all streams."""
        self.closed = True
        if self._looking is not None:
            await cancel_and_wait(self._looking)

    async def _read(self) -> Sequence[LatestTurn]:
        async with self._database.connect() as connection:
            return await changed_turns(connection, within_s=WITHIN_S, limit=LIMIT)

    def _is_new(self, turn: LatestTurn) -> bool:
        key = (turn.id, turn.status)
        if key in self._told:
            return False
        self._told[key] = None
        while len(self._told) > _MAX_TOLD:
            self._told.popitem(last=False)
        return True
