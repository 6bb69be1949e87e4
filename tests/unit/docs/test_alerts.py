"""The alert rules name metrics, labels and pages that there really are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import bot.observability.metrics
import inference_worker.metrics
from bot.domain.deliveries import DeliveryState
from bot.domain.turns import TurnStatus
from bot.health import WORKER_STATES

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy/alerts.yml"
GROUPS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
#: The values of labels, where they are fixed; any status of HTTP.
VALUES: dict[str, dict[str, set[str]]] = {
    "bot_workers": {"state": set(WORKER_STATES)},
    "bot_deliveries_total": {"state": set(DeliveryState)},
    "bot_turns_total": {"status": set(TurnStatus)},
    "bot_webhooks_total": {"status": {"401"}},
}
#: Labels that Prometheus adds.
SCRAPED = {"instance", "job"}

every_alert = pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])


def exposed() -> dict[str, set[str]]:
    """The names of samples that the two programs expose, with their labels."""
    assert bot.observability.metrics.TURNS
    assert inference_worker.metrics.JOBS
    found: dict[str, set[str]] = {}
    for collector in list(REGISTRY._names_to_collectors.values()):
        labels = set(getattr(collector, "_labelnames", ()))
        for family in getattr(collector, "describe", list)():
            ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
            for end in ends.get(family.type, [""]):
                found[family.name + end] = labels
    return found


def metrics_of(rule: dict[str, Any]) -> list[tuple[str, str]]:
    """The metrics that a rule reads, each with its selector."""
    return re.findall(r"\b((?:bot|worker)_[a-z_]+)(?:\{([^}]*)\})?", rule["expr"])


def test_the_exposed_names_are_found() -> None:
    names = exposed()
    assert {"bot_turns_total", "worker_silent_seconds", "bot_accept_seconds_bucket"} <= set(names)


@every_alert
def test_a_rule_reads_metrics_that_there_are(rule: dict[str, Any]) -> None:
    names = exposed()
    assert metrics_of(rule)
    for metric, selector in metrics_of(rule):
        assert metric in names, metric
        for label, value in re.findall(r'(\w+)=~?"([^"]*)"', selector):
            assert label in names[metric]
            assert set(value.split("|")) <= VALUES[metric][label]


@every_alert
def test_a_rule_groups_by_labels_that_its_metrics_have(rule: dict[str, Any]) -> None:
    grouped = {
        label.strip()
        for labels in re.findall(r"by \(([^)]*)\)", rule["expr"])
        for label in labels.split(",")
    }
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert shown <= grouped
    for metric, _ in metrics_of(rule):
        assert grouped <= exposed()[metric] | SCRAPED


@every_alert
def test_a_rule_is_whole(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
    assert rule["expr"].count("(") == rule["expr"].count(")")
    assert re.search(r"[<>]|==", rule["expr"])


@every_alert
def test_a_rule_sends_to_pages_that_there_are(rule: dict[str, Any]) -> None:
    paths = yaml.safe_load((ROOT / "docs/openapi.yml").read_text("utf-8"))["paths"]
    for page in re.findall(r"/admin/[\w/-]+", rule["annotations"]["action"]):
        assert page in paths or re.sub(r"/[\w-]+$", "/{name}", page) in paths


def test_the_alerts_the_product_needs_are_there() -> None:
    names = {rule["alert"] for rule in ALERTS}
    assert len(names) == len(ALERTS)
    needed = {"ModelGone", "DeadLetters", "AnswersLate", "QueueOld", "DatabaseUnreachable"}
    assert needed | {"DiskFull"} <= names


def test_both_guides_name_every_alert() -> None:
    for name in ("operations.md", "operations.ko.md"):
        page = (ROOT / "docs" / name).read_text("utf-8")
        assert {f"`{rule['alert']}`" for rule in ALERTS} <= set(re.findall(r"`[A-Za-z]+`", page))
