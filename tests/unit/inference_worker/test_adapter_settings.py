"""WORKER_ADAPTERS: adapters by the names under which jobs choose them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from inference_queue.worker_registry import WorkerState, WorkerStatus
from inference_worker.settings import MAX_ADAPTERS, WorkerSettings
from runtime.settings_errors import settings_errors


def read(monkeypatch: pytest.MonkeyPatch, adapters: str, adapter: str = "") -> WorkerSettings:
    monkeypatch.setenv("WORKER_ADAPTERS", adapters)
    monkeypatch.setenv("WORKER_ADAPTER", adapter)
    return WorkerSettings(_env_file=None)


def refusal(monkeypatch: pytest.MonkeyPatch, adapters: str, adapter: str = "") -> str:
    with pytest.raises(ValidationError) as caught:
        read(monkeypatch, adapters, adapter)
    [line] = settings_errors(caught.value, WorkerSettings, "WORKER_")
    return line


def test_names_and_places_are_read_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, " support = adapters/support-1 , sales=/data/a=b,lora-3,")
    assert settings.named_adapters == {
        "support": "adapters/support-1",
        "sales": "/data/a=b",
        "lora-3": "lora-3",
    }
    assert read(monkeypatch, "").named_adapters == {}


@pytest.mark.parametrize(
    ("adapters", "why"),
    [
        ("상담=adapters/a", "cannot be a name"),
        ("none=adapters/a", "stands for no adapter"),
        ("=adapters/a", "cannot be a name"),
        ("a=x,a=y", "a name comes twice"),
        (",".join(f"a{n}=x" for n in range(MAX_ADAPTERS + 1)), f"at most {MAX_ADAPTERS} fit"),
    ],
)
def test_a_mistake_is_a_sentence(monkeypatch: pytest.MonkeyPatch, adapters: str, why: str) -> None:
    assert why in refusal(monkeypatch, adapters)


def test_a_merged_adapter_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "set only one of the two" in refusal(monkeypatch, "a=x", adapter="adapters/b")


def test_a_merged_adapter_may_be_named_by_jobs_too() -> None:
    ready = WorkerStatus(id="w", state=WorkerState.READY, by_adapters=True)
    worker = replace(ready, adapter="polite", adapters=("a", "b"))
    assert worker.offered_adapters == ("polite", "a", "b")
    assert ready.offered_adapters == ()
    assert replace(worker, by_adapters=False).offered_adapters == (), "the previous version"
