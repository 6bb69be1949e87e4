"""The stand-in for the bot behind the simulator, and Chromium."""

from __future__ import annotations

from tests.support.browser import browser_page
from tests.support.simulator_standin import bot

__all__ = ["bot", "browser_page"]
