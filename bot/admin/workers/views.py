"""The page of the workers: who computes answers, on which model, and what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from bot.admin.turns.view_models import Badge
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.pages import DATABASE, page
from bot.store.queue_state import QueueState, RunningJobs, WaitingTurns, read_queue
from bot.workers import WorkerRegistry
from inference_queue.worker_registry import WorkerState, WorkerStatus

WORKERS = web.AppKey("WORKERS", WorkerRegistry)

_STATES = {
    WorkerState.READY: Badge("준비됨", "✓", "good"),
    WorkerState.LOADING: Badge("모델 읽는 중", "…", "open"),
    WorkerState.DRAINING: Badge("마무리 중", "–", "quiet"),
    WorkerState.UNAVAILABLE: Badge("엔진에 연결되지 않음", "!", "warn"),
    WorkerState.FAILED: Badge("모델을 읽지 못함", "✕", "bad"),
}
_GONE = Badge("신호 없음", "✕", "bad")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker as the page shows it."""

    id: str
    state: Badge
    facts: tuple[tuple[str, str], ...]
    detail: str


async def show_workers(request: web.Request) -> web.StreamResponse:
    """GET /admin/workers: the workers by their heartbeats, and the queue by Postgres."""
    registry = request.app[WORKERS]
    ages = await registry.ages()
    async with request.app[DATABASE].connect() as connection:
        queue = await read_queue(connection)
    known, messengers = registry.workers, request.app[MESSENGER_LABELS]
    return page(
        request,
        "workers.html",
        workers=[_row(worker, queue, ages) for worker in known or []] + _silent(known or [], queue),
        unknown=known is None,
        waiting=_waiting(queue.waiting, messengers),
        slots=sum(worker.slots for worker in registry.ready),
        running=sum(running.jobs for running in queue.running.values()),
    )


def _row(worker: WorkerStatus, queue: QueueState, ages: Mapping[str, float]) -> WorkerRow:
    age = ages.get(worker.id)
    facts = (
        ("모델", worker.model + (" (시험용)" if worker.demo else "")),
        ("엔진", worker.engine),
        ("프리셋", worker.preset),
        ("슬롯", f"{worker.busy} / {worker.slots} 사용 중"),
        ("사진", "볼 수 있음" if worker.vision else ""),
        ("답변 하나", labels.duration(worker.answer_s * 1000) if worker.answer_s else ""),
        ("속도", f"초당 {worker.tokens_per_s:,.1f}토큰" if worker.tokens_per_s else ""),
        ("작업", _running(queue.running.get(worker.id))),
        ("마지막 신호", f"{age:.0f}초 전" if age is not None else ""),
    )
    return WorkerRow(
        id=worker.id,
        state=_STATES[worker.state],
        facts=tuple(fact for fact in facts if fact[1]),
        detail=worker.detail,
    )


def _silent(known: list[WorkerStatus], queue: QueueState) -> list[WorkerRow]:
    """Workers that hold jobs and send no heartbeat: dead, or cut off from Valkey."""
    heard = {worker.id for worker in known}
    return [
        WorkerRow(id=worker, state=_GONE, facts=(("작업", _running(running)),), detail="")
        for worker, running in queue.running.items()
        if worker not in heard
    ]


def _running(running: RunningJobs | None) -> str:
    if running is None:
        return ""
    parts = [f"{running.jobs}개"]
    if running.since is not None:
        parts.append(f"가장 오래된 작업 {_ago(running.since)}째")
    if running.attempt > 1:
        parts.append(f"{running.attempt}번째 시도 포함")
    return ", ".join(parts)


def _waiting(
    waiting: Mapping[str, WaitingTurns], messengers: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    return [
        (messengers.get(name, name), f"{turns.turns:,}건", _ago(turns.since))
        for name, turns in sorted(waiting.items())
    ]


def _ago(moment: datetime) -> str:
    return labels.duration(labels.elapsed_ms(moment, datetime.now(UTC)))
