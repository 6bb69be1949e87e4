"""What is counted, for Prometheus. Labels are few and fixed: no ids, no people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from runtime.loop_monitor import Block

WEBHOOKS = Counter("bot_webhooks_total", "Webhook requests answered", ["messenger", "status"])
TURNS = Counter("bot_turns_total", "Turns settled", ["messenger", "status"])
DELIVERIES = Counter("bot_deliveries_total", "Delivery attempts", ["messenger", "via", "state"])
TRACES = Counter("bot_traces_total", "Unanswered deliveries looked up", ["messenger", "traced"])
DATABASE_FAULTS = Counter(
    "bot_database_faults_total", "Statements that failed while the database was up", ["statement"]
)
ACCEPT_SECONDS = Histogram(
    "bot_accept_seconds",
    "From the webhook's receipt to its committed turn",
    ["messenger"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
)
ANSWER_SECONDS = Histogram(
    "bot_answer_seconds",
    "From the webhook's receipt to the settled turn",
    ["messenger"],
    buckets=(0.5, 1, 2, 4, 8, 15, 30, 48, 60, 120, 300, 900),
)
FORECAST_SECONDS = Gauge(
    "bot_forecast_seconds", "Until a message accepted now would be answered, as predicted"
)
_LOOP_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60)
LOOP_LAG_SECONDS = Histogram(
    "bot_event_loop_lag_seconds", "How late a timer of the event loop was", buckets=_LOOP_BUCKETS
)
LOOP_BLOCKED_SECONDS = Histogram(
    "bot_event_loop_blocked_seconds",
    "The part of the lag in which the process held its event loop, without waits for a processor",
    buckets=_LOOP_BUCKETS,
)
LOOP_CPU_SECONDS = Histogram(
    "bot_event_loop_cpu_seconds",
    "The part of the lag in which the event loop computed",
    buckets=_LOOP_BUCKETS,
)
WORKERS = Gauge("bot_workers", "Workers that live, by what they say of themselves", ["state"])
MODEL_READY = Gauge("bot_model_ready", "Whether a worker takes jobs: 1 or 0, NaN if unknown")


def record_block(block: Block) -> None:
    """Count one beat of the loop's monitor."""
    LOOP_LAG_SECONDS.observe(block.lag_s)
    LOOP_BLOCKED_SECONDS.observe(block.held_s)
    LOOP_CPU_SECONDS.observe(block.cpu_s)
