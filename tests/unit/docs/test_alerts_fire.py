"""What makes each alert rule fire, and what does not: `promtool test rules` on invented series.

promtool is a part of Prometheus (Debian: the package `prometheus`). It is looked for on PATH, and
where the variable PROMTOOL says. Without it these tests are skipped, and test_alerts.py reads the
rules by itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.docs.test_alerts import ALERTS, RULES

PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool") or ""
KAKAO = {"messenger": "kakao"}


@dataclass(frozen=True)
class Case:
    """Values of every minute, by series (promtool's notation), and the minute that is looked at."""

    fires: dict[str, str]
    quiet: dict[str, str]
    at_minute: int
    labels: dict[str, str] = field(default_factory=dict)


def judged(in_time: int) -> dict[str, str]:
    """Ten answers a minute, of which so many come in time."""
    return {
        'bot_answers_judged_total{messenger="kakao"}': "0+10x60",
        'bot_answers_in_time_total{messenger="kakao"}': f"0+{in_time}x60",
    }


def turns(failed: int, answered: int) -> dict[str, str]:
    return {
        'bot_turns_total{messenger="kakao",status="failed"}': f"0+{failed}x60",
        'bot_turns_total{messenger="kakao",status="answered"}': f"0+{answered}x60",
    }


WORKER = {"instance": "worker"}
DELIVERIES = 'bot_deliveries_total{messenger="kakao",state="%s"}'
WEBHOOKS = 'bot_webhooks_total{messenger="kakao",status="401"}'
CASES = {
    "DatabaseUnreachable": Case(
        {'bot_database_up{instance="a"}': "0x10", 'bot_database_up{instance="b"}': "1x10"},
        {'bot_database_up{instance="a"}': "1x4 0 1x5"},
        at_minute=5,
    ),
    "ModelGone": Case(
        {'bot_model_ready{instance="a"}': "0x10"},
        {'bot_model_ready{instance="a"}': "0x3 1x7"},
        at_minute=5,
    ),
    "WorkerFailed": Case(
        {'bot_workers{state="failed"}': "1x10"},
        {'bot_workers{state="failed"}': "0x10", 'bot_workers{state="ready"}': "3x10"},
        at_minute=5,
    ),
    "WorkerStuck": Case(
        {'worker_silent_seconds{instance="worker"}': "61+60x10"},
        {'worker_silent_seconds{instance="worker"}': "59x10"},
        at_minute=5,
        labels=WORKER,
    ),
    "QueueOld": Case(
        {"bot_queue_oldest_seconds": "121x10"}, {"bot_queue_oldest_seconds": "119x10"}, at_minute=5
    ),
    "AnswersLate": Case(judged(in_time=8), judged(in_time=10), at_minute=55, labels=KAKAO),
    "DeadLetters": Case(
        {DELIVERIES % "failed": "0+1x30", DELIVERIES % "unconfirmed": "0+1x30"},
        {DELIVERIES % "failed": "0x10 1x20", DELIVERIES % "delivered": "0+50x30"},
        at_minute=20,
        labels=KAKAO,
    ),
    "TurnsFail": Case(turns(failed=2, answered=8), turns(failed=0, answered=10), at_minute=30),
    "DatabaseFaults": Case(
        {"bot_database_faults_total": "0x10 1x20"},
        {"bot_database_faults_total": "7x30"},
        at_minute=15,
    ),
    "StatisticsBehind": Case(
        {"bot_statistics_counted_until_seconds": "0x60"},
        {"bot_statistics_counted_until_seconds": "0+60x60"},
        at_minute=40,
    ),
    "DiskFull": Case(
        {'bot_disk_free_ratio{instance="worker"}': "0.09x10"},
        {'bot_disk_free_ratio{instance="worker"}': "0.11x10"},
        at_minute=8,
        labels=WORKER,
    ),
    "WebhooksRefused": Case({WEBHOOKS: "0+3x30"}, {WEBHOOKS: "0+1x30"}, at_minute=20, labels=KAKAO),
}


def document(rule: dict[str, Any], series: dict[str, str], case: Case, *, fires: bool) -> str:
    """A file of promtool's unit tests for one rule."""
    labels = case.labels | rule["labels"]
    words = {
        name: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
    expected = [{"exp_labels": labels, "exp_annotations": words}] if fires else []
    return yaml.safe_dump(
        {
            "rule_files": [str(RULES)],
            "evaluation_interval": "1m",
            "tests": [
                {
                    "interval": "1m",
                    "input_series": [
                        {"series": name, "values": values} for name, values in series.items()
                    ],
                    "alert_rule_test": [
                        {
                            "eval_time": f"{case.at_minute}m",
                            "alertname": rule["alert"],
                            "exp_alerts": expected,
                        }
                    ],
                }
            ],
        },
        allow_unicode=True,
    )


def test_every_alert_has_a_case() -> None:
    assert set(CASES) == {rule["alert"] for rule in ALERTS}


@pytest.mark.skipif(
    not PROMTOOL, reason="promtool is neither on PATH nor in PROMTOOL: the rules are parsed alone"
)
@pytest.mark.parametrize("fires", [True, False], ids=["fires", "is quiet"])
@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_fires_for_its_cause_alone(
    rule: dict[str, Any], fires: bool, tmp_path: Path
) -> None:
    case = CASES[rule["alert"]]
    path = tmp_path / "rules.test.yml"
    path.write_text(document(rule, case.fires if fires else case.quiet, case, fires=fires), "utf-8")
    run = subprocess.run(
        [PROMTOOL, "test", "rules", str(path)], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.skipif(not PROMTOOL, reason="promtool is neither on PATH nor in PROMTOOL")
def test_promtool_reads_the_rules() -> None:
    run = subprocess.run(
        [PROMTOOL, "check", "rules", str(RULES)], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
