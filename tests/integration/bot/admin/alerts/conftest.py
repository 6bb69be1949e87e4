"""Alerts on a machine whose own disk may be nearly full."""

from __future__ import annotations

import pytest

from bot.admin.alerts import conditions


@pytest.fixture(autouse=True)
def _no_alert_of_this_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MIN_DISK_FREE", 0.0)
