"""Which dead letters are meant, as a URL or a form says it."""

from __future__ import annotations

from collections.abc import Container, Mapping

from bot.admin.web import labels
from bot.domain.deliveries import DeliveryState
from bot.store.dead_letters import Choice

STATES = {
    DeliveryState.FAILED.value: labels.DELIVERY_STATES[DeliveryState.FAILED],
    DeliveryState.UNCONFIRMED.value: labels.DELIVERY_STATES[DeliveryState.UNCONFIRMED],
}
BAD_CHOICE = "알 수 없는 조건입니다. 목록에서 골라 주세요."


def read_choice(fields: Mapping[str, str], messengers: Container[object]) -> Choice | None:
    """The choice in a query or form; None: it names what there is not."""
    messenger, state = fields.get("messenger", ""), fields.get("state", "")
    if messenger and messenger not in messengers:
        return None
    return Choice(messenger=messenger, state=state) if not state or state in STATES else None
