"""The engines that live workers offer for replays, and what is told where one is gone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from inference_queue.background.protocol import Target
from inference_queue.worker_registry import WorkerStatus

_MAX_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedEngine:
    """An engine with its model and adapter, as one of a form's choices."""

    key: str
    label: str


def offered_engines(workers: Iterable[WorkerStatus]) -> list[OfferedEngine]:
    """What the ready workers offer, each once, by name."""
    found = {
        (worker.model, worker.engine, adapter)
        for worker in workers
        for adapter in (worker.adapter, *worker.adapters)
    }
    return [
        OfferedEngine(key=json.dumps(names, ensure_ascii=False), label=label_of(_target(*names)))
        for names in sorted(found)
    ]


def read_engine(key: str) -> Target:
    """The target of a form's choice; "" is any engine. Raises ValueError."""
    if not key:
        return Target()
    try:
        names = json.loads(key)
    except RecursionError as error:
        raise ValueError("not an engine") from error
    sound = isinstance(names, list) and len(names) == 3
    if not sound or not all(isinstance(n, str) and len(n) <= _MAX_CHARS for n in names):
        raise ValueError("not an engine")
    return _target(*names)


def label_of(target: Target) -> str:
    """The engine in words; "" where any will do."""
    if target.model is None:
        return ""
    adapter = f" + {target.adapter}" if target.adapter else ""
    return f"{target.model}{adapter} ({target.engine})"


def is_gone(target: Target, workers: Iterable[WorkerStatus] | None) -> bool:
    """Whether certainly no ready worker takes jobs for the target; None: that is unknown."""
    if workers is None:
        return False
    return not any(
        worker.state == "ready"
        and target.matches(
            model=worker.model,
            preset=worker.preset,
            engine=worker.engine,
            adapters=(worker.adapter, *worker.adapters),
        )
        for worker in workers
    )


def lacking_adapters(
    target: Target, named: Iterable[str], workers: Sequence[WorkerStatus] | None
) -> list[str]:
    """Those that questions were answered with, and that certainly no worker for the target has."""
    return [name for name in named if is_gone(replace(target, adapter=name), workers)]


def _target(model: str, engine: str, adapter: str) -> Target:
    return Target(model=model, engine=engine, adapter=adapter)
