"""The form that orders a replay."""

from __future__ import annotations

import json

import pytest

from bot.admin.replay.engines import is_gone, offered_engines, read_engine
from bot.admin.replay.order_form import DEFAULT_TURNS, UnreadableOrderError, read_order
from bot.admin.search.fields import all_fields
from bot.configs.keys import MAX_TYPED_PROMPT_CHARS
from bot.domain.replays import ReplayOptions
from inference_queue.background.protocol import Target
from inference_queue.worker_registry import WorkerState, WorkerStatus

FIELDS = all_fields({"kakao": "카카오톡"})


def test_an_order_without_changes_asks_as_it_was() -> None:
    new = read_order({"name": " 첫  비교 ", "q": "환불"}, "lee", FIELDS)
    assert (new.name, new.author, new.query) == ("첫 비교", "lee", "환불")
    assert (new.max_turns, new.options) == (DEFAULT_TURNS, ReplayOptions())


def test_everything_that_is_set_is_read() -> None:
    engine = json.dumps(["m", "served", ""])
    form = {
        "name": "비교",
        "engine": engine,
        "preset": "demo",
        "system_prompt": "짧게\r\n답해요.",
        "temperature": "0.2",
        "top_p": "0.8",
        "max_new_tokens": "128",
        "seed": "7",
        "max_turns": "2,000".replace(",", ""),
    }
    new = read_order(form, "lee", FIELDS)
    assert new.max_turns == 2_000
    assert new.options == ReplayOptions(
        target=Target(model="m", engine="served", adapter=""),
        preset="demo",
        system_prompt="짧게\n답해요.",
        temperature=0.2,
        top_p=0.8,
        max_new_tokens=128,
        seed=7,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " \u200b "},
        {"name": "가" * 61},
        {"q": "가" * 801},
        {"q": "메신저:없음"},
        {"q": "색:빨강"},
        {"q": "날짜:2026-11-22..2026-11-20"},
        {"preset": "gpt"},
        {"engine": "{}"},
        {"engine": "[" * 5_000},
        {"engine": '["m", "served"]'},
        {"engine": '["m", "served", 1]'},
        {"temperature": "nan"},
        {"temperature": "11"},
        {"temperature": "뜨겁게"},
        {"top_p": "0"},
        {"max_new_tokens": "0"},
        {"max_new_tokens": "inf"},
        {"max_turns": "2001"},
        {"seed": "-1"},
        {"system_prompt": "가" * (MAX_TYPED_PROMPT_CHARS + 1)},
    ],
)
def test_what_cannot_be_read_is_a_sentence(wrong: dict[str, str]) -> None:
    with pytest.raises(UnreadableOrderError) as refused:
        read_order({"name": "비교"} | wrong, "lee", FIELDS)
    assert str(refused.value)


def a_worker(**fields: object) -> WorkerStatus:
    given = {"id": "w", "state": WorkerState.READY, "engine": "served", "model": "m"} | fields
    return WorkerStatus(**given)  # type: ignore[arg-type]


def test_engines_are_offered_once_and_read_back() -> None:
    workers = [a_worker(), a_worker(id="w2"), a_worker(id="w3", adapter="polite")]
    offered = offered_engines(workers)
    assert [one.label for one in offered] == ["m (served)", "m + polite (served)"]
    assert [read_engine(one.key).adapter for one in offered] == ["", "polite"]


def test_an_engine_is_gone_where_no_ready_worker_has_it() -> None:
    wanted = Target(model="m", engine="served", adapter="")
    assert not is_gone(wanted, [a_worker()])
    assert is_gone(wanted, [a_worker(model="another")])
    assert is_gone(wanted, [a_worker(state=WorkerState.LOADING)])
    assert is_gone(Target(), [])
    assert not is_gone(wanted, None)  # without Redis nobody knows


def test_each_adapter_of_a_worker_is_an_engine_to_choose() -> None:
    worker = WorkerStatus(
        id="w", state=WorkerState.READY, model="m", engine="local", adapters=("sales", "support")
    )
    offered = offered_engines([worker, worker])
    assert [one.label for one in offered] == [
        "m (local)",
        "m + sales (local)",
        "m + support (local)",
    ]
    targets = [read_engine(one.key) for one in offered]
    assert [target.adapter for target in targets] == ["", "sales", "support"]
    assert not any(is_gone(target, [worker]) for target in targets)
    assert is_gone(Target(adapter="gone"), [worker])
