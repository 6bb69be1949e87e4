"""The count of `make chaos` sees every kind of broken promise, and a short run finds none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.injections import InjectionKind

ROOT = Path(__file__).parents[2]


pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(420)]


def chaos(*words: str) -> dict[str, float]:
    """The measures of a short run that kept every promise."""
    done = subprocess.run(
        [sys.executable, "-m", "chaos", "--json", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["bench"]: line["value"] for line in lines}


def test_bursts_that_are_merged_break_no_promise() -> None:
    value = chaos(
        *("--minutes", "0.25", "--messages", "150", "--seed", "5", "--merge", "1", "--alone")
    )
    assert value["chaos.lost"] == value["chaos.duplicated"] == value["chaos.out_of_order"] == 0
    assert value["chaos.end.merged"] >= 5, value


BROKEN = (
    *("lost", "duplicated", "out_of_order", "misdelivered"),
    *("orphaned", "untrue", "unsteady", "undone", "unrun"),
)


def test_what_people_see_in_slack_is_what_the_log_says_under_every_kind_of_injection() -> None:
    value = chaos(
        *("--minutes", "0.5", "--messages", "300", "--every", "4", "--seed", "11", "--alone")
    )
    assert [value[f"chaos.{rule}"] for rule in BROKEN] == [0] * len(BROKEN)
    for way in ("stream", "thread", "edits"):
        assert value[f"chaos.end.{way}"] >= 1, value
    deeds = ("stops_acknowledged", "votes_good", "votes_bad", "forms")
    for deed in ("streams_finished", "pictures_answered", *deeds):
        assert value[f"chaos.rooms.{deed}"] >= 1, value


def test_nothing_is_lost_twice_or_out_of_order_under_every_kind_of_injection() -> None:
    value = chaos("--minutes", "0.35", "--messages", "250", "--every", "3", "--seed", "7")
    assert value["chaos.sent"] == 250
    assert value["chaos.accepted"] >= 100
    assert value["chaos.lost"] == value["chaos.duplicated"] == value["chaos.out_of_order"] == 0
    for kind in InjectionKind:
        assert value[f"chaos.{kind.name.lower()}"] >= 1
    ways = ("sync", "callback", "button", "post", "message")
    for way in (*ways, "wait", "result", "events", "result_callback"):
        assert value[f"chaos.end.{way}"] >= 1, value
