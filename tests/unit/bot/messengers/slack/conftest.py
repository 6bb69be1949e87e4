"""The stand-in for the bot behind the simulator."""

from __future__ import annotations

from tests.support.simulator_standin import bot, connected_bot

__all__ = ["bot", "connected_bot"]
