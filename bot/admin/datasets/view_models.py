"""Data sets as their pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bot.admin.datasets import labels as words
from bot.admin.web import labels
from bot.admin.web.badges import Badge, badge_of
from bot.admin.web.language import translate as _
from bot.domain.datasets import OPEN_DATASETS, DatasetState
from bot.store.datasets.items import Counts, StoredItem
from bot.store.datasets.sets import Dataset
from inference_queue.worker_registry import WorkerState, WorkerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetItem:
    """A data set in the list, and on its page."""

    id: int
    name: str
    version: int
    kind: str
    query: str
    author: str
    state: Badge
    made: str
    looked_at: str
    is_open: bool
    is_checking: bool
    is_ready: bool
    is_frozen: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A message of an item."""

    who: str
    role: str  #: user, assistant, chosen or rejected: its class
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownItem:
    """An item with its messages."""

    id: str
    turn_id: UUID
    split: str
    source: str
    tokens: str
    lines: Sequence[Line]


def dataset_item(dataset: Dataset) -> DatasetItem:
    """The view of a data set."""
    return DatasetItem(
        id=dataset.id,
        name=dataset.name,
        version=dataset.version,
        kind=labels.label(dataset.kind, words.KINDS),
        query=dataset.query,
        author=dataset.author,
        state=badge_of(dataset.state, words.STATES, words.TONES),
        made=f"{dataset.made:,}",
        looked_at=f"{dataset.looked_at:,}",
        is_open=dataset.state in OPEN_DATASETS,
        is_checking=dataset.state == DatasetState.CHECKING,
        is_ready=dataset.state == DatasetState.READY,
        is_frozen=dataset.frozen_at is not None,
        created_at=dataset.created_at,
    )


def waits_for_worker(dataset: Dataset, workers: Iterable[WorkerStatus] | None) -> bool:
    """Whether certainly no ready worker can check the items; None: the workers are unknown."""
    if workers is None or dataset.state != DatasetState.CHECKING:
        return False
    return not any(
        worker.state == WorkerState.READY and worker.renders and worker.preset == dataset.preset
        for worker in workers
    )


def counted(dataset: Dataset, counts: Counts) -> list[tuple[str, list[tuple[str, str]]]]:
    """Titles, and below each the names with their counts."""
    groups: tuple[tuple[str, Mapping[str, int], Mapping[str, str]], ...] = (
        (_("나눔"), counts.by["split"], words.SPLITS),
        (_("좋은 답변의 출처"), counts.by["source"], words.SOURCES),
        (_("답변한 모델"), counts.by["model"], {}),
        (_("넣지 않은 대화와 그 이유"), dataset.left_out, words.LEFT_OUT),
    )
    return [(title, _named(found, known)) for title, found, known in groups if found]


def shown_item(item: StoredItem) -> ShownItem:
    """The view of an item."""
    content = item.content
    asked = content.get("messages") or content.get("prompt") or ()
    lines = [_line(one["role"], one["content"]) for one in asked]
    for role in ("chosen", "rejected"):
        lines += [_line(role, one["content"]) for one in content.get(role, ())]
    return ShownItem(
        id=item.id,
        turn_id=item.turn_id,
        split=labels.label(item.split, words.SPLITS),
        source=labels.label(item.source, words.SOURCES),
        tokens="" if item.tokens is None else f"{item.tokens:,}",
        lines=lines,
    )


def _named(counts: Mapping[str, int], known: Mapping[str, str]) -> list[tuple[str, str]]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(labels.label(value, known) or _("알 수 없음"), f"{n:,}") for value, n in ordered]


_ROLES = {
    "user": "질문",
    "assistant": "답변",
    "chosen": "더 나은 답변",
    "rejected": "덜 나은 답변",
}


def _line(role: str, text: str) -> Line:
    return Line(who=labels.label(role, _ROLES), role=role, text=text)
