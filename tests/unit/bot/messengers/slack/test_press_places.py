"""Which workspace a press or a form comes from."""

from __future__ import annotations

from typing import Any

import pytest

from bot.messengers.slack.actions import Press
from bot.messengers.slack.request_fields import press_fields

PERSON = {"id": "U1", "team_id": "T1"}
#: An Enterprise Grid workspace, as Slack describes it in presses.
GRID_TEAM = {"id": "T1", "enterprise_id": "E1"}


@pytest.mark.parametrize(
    ("payload", "team", "tenant"),
    [
        ({"team": {"id": "T1"}, "enterprise": None}, "T1", "T1"),
        ({"team": GRID_TEAM, "enterprise": {"id": "E1"}}, "T1", "E1/T1"),
        ({"team": GRID_TEAM}, "T1", "E1/T1"),
        ({"team": GRID_TEAM, "enterprise": None}, "T1", "E1/T1"),
        # An organisation's installation.
        ({"team": None, "enterprise": {"id": "E1"}}, "T1", "E1/T1"),
        (
            {
                "team": None,
                "enterprise": {"id": "E1"},
                "view": {"app_installed_team_id": "E1"},
            },
            "T1",
            "E1/T1",
        ),
        ({"team": GRID_TEAM, "view": {"app_installed_team_id": "T1"}}, "T1", "E1/T1"),
        ({"team": GRID_TEAM, "view": {"app_installed_team_id": "E1"}}, "T1", "E1/T1"),
        # Somebody of another company in a shared channel.
        (
            {
                "team": {"id": "T9", "enterprise_id": "E9"},
                "enterprise": {"id": "E9"},
                "view": {"app_installed_team_id": "T1"},
            },
            "T1",
            "T1",
        ),
        ({"team": {}, "user": {"id": "U1"}}, "", ""),
        (
            {"team": {"id": 5, "enterprise_id": []}, "view": {"app_installed_team_id": {}}},
            "T1",
            "T1",
        ),
    ],
)
def test_the_workspace_of_a_press(payload: dict[str, Any], team: str, tenant: str) -> None:
    press = Press(press_fields({"type": "block_actions", "user": PERSON, **payload}))
    assert (press.team, press.tenant) == (team, tenant)
