"""Whether a message is taken in now, and the bookkeeping of those that were."""

from __future__ import annotations

from collections.abc import Container

from bot.admission.backlog import Backlog
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.configs.texts import ScopedTexts
from bot.domain.bot_config import ConfigLookup, nothing_set
from bot.domain.turns import Person, Utterance
from bot.text.catalog import Texts


class Admission:
    """The blocked people, the rate limit, the backlog and the forecast, asked in this order.

    The bound of a single conversation is part of the accept, where no race can pass it.
    """

    def __init__(
        self,
        *,
        rate_limit: RateLimit,
        backlog: Backlog,
        forecast: Forecast,
        texts: Texts,
        config_for: ConfigLookup = nothing_set,
        blocked: Container[Person] = (),
    ) -> None:
        """``config_for``: a scope's bounds and sentences, in place of those of all."""
        self._rate_limit = rate_limit
        self._backlog = backlog
        self._forecast = forecast
        self._texts = ScopedTexts(texts, config_for)
        self._config_for = config_for
        self._blocked = blocked

    def is_blocked(self, person: Person) -> bool:
        """Whether an admin has blocked the person."""
        return person in self._blocked

    async def rejection(self, utterance: Utterance) -> str:
        """The sentence that says why the utterance is not taken in now; "" where it is."""
        scope = (utterance.messenger, utterance.tenant, utterance.room)
        values, texts = self._config_for(*scope).values, self._texts.for_scope(*scope)
        if self.is_blocked(utterance.person):
            return texts.blocked
        if not await self._rate_limit.allows(utterance.person, values.rate_limit_per_minute):
            return texts.rate_limited
        if self._backlog.has_too_many(utterance.person, values.max_waiting_turns):
            return texts.conversation_full
        full = self._backlog.is_full(utterance.messenger, utterance.tenant)
        if full or self._forecast.is_worthless(utterance.reply):
            return texts.busy
        return ""

    def add(self, utterance: Utterance, *, waiting: int) -> None:
        """A turn was accepted here, behind ``waiting`` others of its conversation.

        Call it after its commit.
        """
        self._backlog.add(utterance.person)
        if not waiting:
            self._forecast.add(utterance)
