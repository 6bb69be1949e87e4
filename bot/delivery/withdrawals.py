"""Messages that are taken back, since the turns they show were erased before they were whole."""

from __future__ import annotations

from collections.abc import Mapping

from bot.domain.deliveries import ReplyHandle
from bot.domain.messenger import Messenger, Withdrawing


class Withdrawals:
    """Takes messages back, by their messenger."""

    def __init__(self, messengers: Mapping[str, Messenger]) -> None:
        self._messengers = messengers

    async def withdraw(self, messenger: str, handle: ReplyHandle, message_id: str) -> None:
        """Take the message back, where its messenger shows answers before they are whole."""
        adapter = self._messengers.get(messenger)
        if isinstance(adapter, Withdrawing):
            await adapter.withdraw(handle, message_id)
