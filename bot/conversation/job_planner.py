"""The jobs of bursts, planned from what Redis has or from what Postgres has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from bot.conversation.bursts import burst_text
from bot.conversation.prompt import PlannedJob, PromptBuilder, history_window
from bot.store import prompt_settings
from bot.store.early_jobs import EarlyJob
from bot.store.history_cache import Exchange, RecentHistory, Window
from bot.store.queueing import PlannedTurn
from bot.store.turn_pictures import take_pictures
from bot.store.waiting_turns import WaitingConversation, WaitingTurn
from inference_queue.protocol import Picture
from runtime.direct import AnyConnection

#: Settings of prompts that a bot remembers as stored: far more than it has rooms with their own.
MAX_KEPT_SETTINGS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBurst:
    """A burst, alone in its conversation, and its job."""

    burst: WaitingConversation
    planned: PlannedJob

    @property
    def newest(self) -> WaitingTurn:
        """The turn that the job answers."""
        return self.burst.turns[-1]

    @property
    def merged(self) -> list[UUID]:
        """The earlier turns, which it answers too."""
        return [turn.id for turn in self.burst.turns[:-1]]

    @property
    def turn(self) -> PlannedTurn:
        """What the store is to write."""
        state, planned = self.burst.state, self.planned
        return PlannedTurn(
            turn_id=self.newest.id,
            turn_version=self.newest.version,
            conversation_id=state.id,
            conversation_version=state.version,
            history_at=state.history_at,
            job=planned.job,
            preset=planned.preset,
            config_version=planned.config_version,
            prompt_settings=planned.settings.id,
            history=planned.history,
            prompt=burst_text(self.burst.turns) if self.merged else None,
        )

    @property
    def early(self) -> EarlyJob:
        """What the store is to write with the accept of its only turn."""
        planned = self.planned
        return EarlyJob(
            expected=self.burst.state,
            job=planned.job,
            preset=planned.preset,
            config_version=planned.config_version,
            prompt_settings=planned.settings.id,
            history=planned.history,
        )


class JobPlanner:
    """Plans one job for each burst."""

    def __init__(
        self, *, history: RecentHistory, prompts: PromptBuilder, picture_kept_days: int = 0
    ) -> None:
        self._history = history
        self._prompts = prompts
        self._picture_kept_days = picture_kept_days
        self._kept_settings: set[UUID] = set()

    async def plan_usual(self, bursts: Sequence[WaitingConversation]) -> list[PlannedBurst]:
        """Those whose job needs nothing else of Postgres, and changes nothing else there.

        A single turn without pictures, its history in Redis or empty, its settings stored.
        """
        windows = {_window(burst): burst for burst in bursts if _is_plain(burst)}
        histories = await self._history.cached(list(windows))
        plans = [self._plan(windows[window], histories[window]) for window in histories]
        return [plan for plan in plans if plan.planned.settings.id in self._kept_settings]

    async def plan(
        self, connection: AnyConnection, bursts: Sequence[WaitingConversation]
    ) -> list[PlannedBurst]:
        """All of them, in the caller's transaction, which has locked their conversations."""
        windows = [_window(burst) for burst in bursts]
        histories = await self._history.load(connection, windows)
        pictures = await self._pictures(connection, bursts)
        return [
            self._plan(burst, histories.get(window, []), pictures)
            for burst, window in zip(bursts, windows, strict=True)
        ]

    async def keep_settings(
        self, connection: AnyConnection, plans: Sequence[PlannedBurst]
    ) -> set[UUID]:
        """Store the settings of prompts that are new; their ids, for ``settings_kept``."""
        used = [plan.planned.settings for plan in plans]
        return await prompt_settings.keep(connection, used, kept=self._kept_settings)

    def settings_kept(self, ids: set[UUID]) -> None:
        """Remember settings, once their transaction is committed."""
        if len(self._kept_settings) > MAX_KEPT_SETTINGS:
            self._kept_settings.clear()
        self._kept_settings |= ids

    def _plan(
        self,
        burst: WaitingConversation,
        exchanges: Sequence[Exchange],
        pictures: Mapping[UUID, tuple[Picture, ...]] | None = None,
    ) -> PlannedBurst:
        shown = [one for turn in burst.turns for one in (pictures or {}).get(turn.id, ())]
        planned = self._prompts.plan(burst.state, burst.turns, exchanges, tuple(shown))
        return PlannedBurst(burst=burst, planned=planned)

    async def _pictures(
        self, connection: AnyConnection, bursts: Sequence[WaitingConversation]
    ) -> dict[UUID, tuple[Picture, ...]]:
        """The pictures of the turns that have some; no statement where none has."""
        ids = [turn.id for burst in bursts for turn in burst.turns if turn.pictures]
        kept_days = self._picture_kept_days
        return await take_pictures(connection, ids, kept_days=kept_days) if ids else {}


def has_pictures(burst: WaitingConversation) -> bool:
    """Whether one of its turns has pictures."""
    return any(turn.pictures for turn in burst.turns)


def _is_plain(burst: WaitingConversation) -> bool:
    return len(burst.turns) == 1 and not has_pictures(burst)


def _window(burst: WaitingConversation) -> Window:
    return history_window(burst.state, burst.turns[-1])
