"""The benchmarks run, and what they print can be read by programs. No figure is judged here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHES
from benchmarks.page_acts import ACTS
from benchmarks.page_addresses import ADDRESSES
from benchmarks.search import KINDS, REVIEWED

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(330)
#: They run on one folder, one after the other.
KEPT_LOG = pytest.mark.xdist_group("kept_log")


@pytest.mark.parametrize(
    ("bench", "names"),
    [
        (
            "accept",
            {
                f"accept.{kind}.{name}"
                for kind in ("slack", "slack_events", "kakao")
                for name in (
                    *("rate", "p50", "p99", "cpu", "cpu.postgres"),
                    *("paced.rate", "paced.p50", "paced.p99"),
                )
            },
        ),
        (
            "overhead",
            {
                f"overhead.{name}"
                for name in (
                    *("receipt_to_engine.p50", "receipt_to_engine.p99"),
                    *("engine_to_post.p50", "engine_to_post.p99"),
                )
            },
        ),
        (
            "engine",
            {
                *(f"engine.2{end}" for end in ("", ".sequential", ".static", ".transformers")),
                *(f"engine.2.{end}" for end in ("over_static", "over_transformers", "alike")),
                *(f"engine.2.first_token.{end}" for end in ("p50", "p99")),
                *("engine.second_turn.40", "engine.second_turn.40.recomputed"),
            },
        ),
        (
            "conversations",
            {
                *(f"conversations.first_token.p{n}" for n in (50, 99)),
                *(f"conversations.first_token.p{n}.recomputed" for n in (50, 99)),
                *("conversations.reused", "conversations.memory", "conversations.memory.second"),
            },
        ),
        ("product", {"product", "product.alone"}),
        ("readers", {f"readers.{end}" for end in ("p95", "p95.bound", "page.p50", "page.p95")}),
        pytest.param(
            "search",
            {
                *(f"search p95 {kind}" for kind in KINDS),
                *("search index.postgres", "search index.bot", "search index.size"),
            },
            marks=KEPT_LOG,
        ),
        pytest.param(
            "pages",
            {
                *(f"page {template}" for of_page in ADDRESSES.values() for template in of_page),
                *(f"act {name}" for name in ACTS),
                *(f"search p95 {kind}" for kind in REVIEWED),
            },
            marks=KEPT_LOG,
        ),
        pytest.param(
            "work",
            {
                *("work retention of a tenth", "work data set of judged turns"),
                *("work export of turns", "work erasure of a person"),
            },
            marks=KEPT_LOG,
        ),
        (
            "background",
            {
                *(f"background.live_p95{end}" for end in ("", ".bound", ".without")),
                *("background.wait_p95", "background.wait_p95.without", "background.jobs"),
            },
        ),
        ("vllm", set()),  # its interpreter is not named here
        ("idle", {f"idle.{name}" for name in ("bot", "worker", "postgres", "valkey")}),
        (
            "cost",
            {
                *(
                    f"cost.{kind}.20{part}"
                    for kind in ("command", "callback", "stream")
                    for part in ("", ".bot", ".worker", ".postgres", ".valkey")
                ),
                *(
                    f"cost.{kind}.20.{by_hand}"
                    for kind in ("command", "callback", "stream")
                    for by_hand in ("minimal", "keeping")
                ),
                "cost.idle",
                *(f"cost.idle.{name}" for name in ("bot", "worker", "postgres", "valkey")),
                *(f"cost.idle.{name}" for name in ("minimal", "keeping", "its_postgres")),
            },
        ),
    ],
    ids=[
        *("accept", "overhead", "engine", "conversations", "product", "readers", "search"),
        *("pages", "work", "background", "vllm", "idle", "cost"),
    ],
)
def test_a_quick_run_prints_one_json_object_a_line(bench: str, names: set[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", bench, "--quick"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=300,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    figures = [json.loads(line) for line in run.stdout.splitlines()]
    assert {figure["bench"] for figure in figures} == names
    for figure in figures:
        assert list(figure) == ["bench", "value", "unit", "baseline", "ratio"]
        assert math.isfinite(figure["value"])
        assert f"{figure['bench']} " in run.stderr


def test_the_gpu_bench_runs_with_a_tiny_model() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--tiny"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=300,
        text=True,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    figures = {(line := json.loads(each))["bench"]: line for each in run.stdout.splitlines()}
    assert set(figures) >= {"gpu.sequential", "gpu.1", "gpu.4.of_bound", "gpu.second_turn.200"}
    same = {name for name in figures if name.startswith("gpu.same.")}
    assert same >= {"gpu.same.plain.float32", "gpu.same.fixed.float32"}
    assert all(figures[name]["value"] == 1 for name in same)
    assert "no vLLM" in run.stderr
    assert all(figure["value"] > 0 for figure in figures.values())


def test_an_unknown_bench_is_refused_with_the_known_ones() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=30,
        text=True,
    )
    assert run.returncode == 2
    for name in BENCHES:
        assert name in run.stderr
