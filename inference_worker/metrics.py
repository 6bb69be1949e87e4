"""A worker's metrics for Prometheus. Labels are few and fixed: no ids, no people."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from inference_queue.protocol import Completion, Failure
from runtime.loop_metrics import loop_recorder

JOBS = Counter("worker_jobs_total", "Jobs ended, by finish reason or failure", ["outcome"])
TOKENS = Counter("worker_tokens_total", "Tokens of answered jobs", ["of"])
QUEUE_WAIT_SECONDS = Histogram(
    "worker_queue_wait_seconds",
    "From the making of a job to its claim",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
FIRST_TOKEN_SECONDS = Histogram(
    "worker_first_token_seconds",
    "From the claim to the first token",
    buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
TOKENS_PER_SECOND = Histogram(
    "worker_tokens_per_second",
    "Of one answer, after its first token",
    buckets=(1, 2, 5, 10, 20, 40, 80, 160, 320),
)
BACKGROUND_JOBS = Counter(
    "worker_background_jobs_total", "Background jobs ended or given back, by outcome", ["outcome"]
)
API_ANSWERS = Counter(
    "worker_api_answers_total", "Answers of the endpoint, by route and end", ["route", "outcome"]
)
API_TOKENS = Counter("worker_api_tokens_total", "Tokens of the endpoint's answers", ["of"])
API_REFUSED = Counter(
    "worker_api_refused_total", "Requests of the endpoint refused because too many wait"
)
API_REQUESTS = Gauge("worker_api_requests", "Requests of the endpoint now", ["state"])
BATCH_SIZE = Gauge("worker_batch_size", "Answers being written at once")
ENGINE_WAITING = Gauge("worker_engine_waiting", "Answers claimed that wait for room in memory")
KV_TOKENS = Gauge("worker_kv_tokens", "Tokens that memory is taken for", ["by"])
KV_BUDGET_TOKENS = Gauge("worker_kv_budget_tokens", "Tokens that there is memory for")
REUSED_TOKENS = Gauge(
    "worker_reused_tokens", "Tokens of prompts found computed already, since the start"
)
STALLED_SECONDS = Gauge(
    "worker_silent_seconds", "Seconds without a step while answers are being written"
)


DATABASE_FAULTS = Counter(
    "worker_database_faults_total",
    "Statements that Postgres refused for the sake of one row, by statement",
    ["statement"],
)
#: Counts one beat of the loop's monitor.
record_block = loop_recorder("worker")


def record_outcome(result: Completion | Failure) -> None:
    """Count a job that ended here."""
    if isinstance(result, Failure):
        JOBS.labels(result.reason.value).inc()
        return
    JOBS.labels(result.finish_reason.value).inc()
    TOKENS.labels("prompts").inc(result.prompt_tokens)
    TOKENS.labels("answers").inc(result.completion_tokens)
    if result.first_token_ms is None:
        return
    FIRST_TOKEN_SECONDS.observe(result.first_token_ms / 1000)
    after_s = ((result.total_ms or 0.0) - result.first_token_ms) / 1000
    if result.completion_tokens > 1 and after_s > 0:
        TOKENS_PER_SECOND.observe((result.completion_tokens - 1) / after_s)


def record_api_answer(completion: Completion, *, is_chat: bool) -> None:
    """Count an answer of the endpoint."""
    route = "chat" if is_chat else "plain"
    API_ANSWERS.labels(route, completion.finish_reason.value).inc()
    API_TOKENS.labels("prompts").inc(completion.prompt_tokens)
    API_TOKENS.labels("answers").inc(completion.completion_tokens)
