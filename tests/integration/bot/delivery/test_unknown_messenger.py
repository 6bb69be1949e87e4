"""A delivery of a messenger that only a newer version knows, which runs beside this one."""

from __future__ import annotations

from tests.integration.bot.delivery.delivery_parts import delivery_parts


async def test_delivery_of_an_unknown_messenger_is_left_for_another_bot(database_url: str) -> None:
    async with delivery_parts(database_url) as parts:
        [turn_id] = await parts.add_answers(1)
        for table in ("turns", "deliveries"):
            await parts.execute(f"UPDATE {table} SET messenger = 'of a newer version'")
        await parts.deliver()
        delivery = await parts.delivery(turn_id)
        assert (delivery.state, delivery.attempts) == ("pending", 1)
        assert delivery.detail == "this version lacks the messenger"
