"""What is counted, for Prometheus. Labels are few and fixed: no ids, no people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from runtime.loop_metrics import loop_recorder

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
VOTES = Counter("bot_votes", "Votes on answers", ["messenger", "vote"])
UNKNOWN_REQUESTS = Counter(
    "bot_unknown_requests",
    "Genuine requests that no part of the bot knows, acknowledged",
    ["messenger", "kind"],
)
FORECAST_SECONDS = Gauge(
    "bot_forecast_seconds", "Until a message accepted now would be answered, as predicted"
)
#: Counts one beat of the loop's monitor.
record_block = loop_recorder("bot")
WORKERS = Gauge("bot_workers", "Workers that live, by what they say of themselves", ["state"])
MODEL_READY = Gauge("bot_model_ready", "Whether a worker takes jobs: 1 or 0, NaN if unknown")
#: Of the turns of the last hour, by the bot that counted them: a sum over all bots is exact.
ANSWERS_JUDGED = Counter(
    "bot_answers_judged_total",
    "Turns whose delivery has ended, that wanted an answer",
    ["messenger"],
)
ANSWERS_IN_TIME = Counter(
    "bot_answers_in_time_total", "Of these, those answered by their due time", ["messenger"]
)
WAITING_TURNS = Gauge("bot_waiting_turns", "Turns that wait for the model")
QUEUE_OLDEST_SECONDS = Gauge("bot_queue_oldest_seconds", "Age of the oldest turn that waits")
COUNTED_UNTIL = Gauge(
    "bot_statistics_counted_until_seconds", "Unix time until which the charts are counted"
)
CONFIG_VERSION = Gauge(
    "bot_config_version", "Version of the settings that this bot answers with, 0 for none"
)
DATABASE_UP = Gauge("bot_database_up", "Whether Postgres answered the last look: 1 or 0")
DISK_FREE_RATIO = Gauge("bot_disk_free_ratio", "Free share of the data directory's disk, 0 to 1")
