"""Whether a message is taken in now, and the bookkeeping of those that were."""

from __future__ import annotations

from bot.admission.backlog import Backlog
from bot.admission.forecast import Forecast
from bot.admission.rate_limit import RateLimit
from bot.domain.turns import Utterance
from bot.text.catalog import Texts


class Admission:
    """The rate limit, the backlog and the forecast, asked in this order."""

    def __init__(
        self, *, rate_limit: RateLimit, backlog: Backlog, forecast: Forecast, texts: Texts
    ) -> None:
        self._rate_limit = rate_limit
        self._backlog = backlog
        self._forecast = forecast
        self._texts = texts

    async def rejection(self, utterance: Utterance) -> str:
        """The sentence that says why the utterance is not taken in now; "" where it is."""
        messenger, tenant = utterance.messenger, utterance.tenant
        if not await self._rate_limit.allows(messenger, tenant, utterance.sender):
            return self._texts.rate_limited
        full = self._backlog.is_full(messenger, tenant)
        if full or self._forecast.is_worthless(utterance.reply):
            return self._texts.busy
        return ""

    def add(self, utterance: Utterance) -> None:
        """A turn was accepted here; call it after its commit."""
        self._backlog.add(utterance.messenger, utterance.tenant)
        self._forecast.add(utterance)
