"""When the line is shown that an answer is being written, and the session as at work."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest

from bot.domain.deliveries import Outcome
from bot.messengers.slack import status
from bot.messengers.slack.api import ApiResult
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.web_api import Room
from bot.text.catalog import TEXTS

ROOM = Room(team="T1", channel="C1", thread_ts="1.000001")
OTHER = Room(team="T1", channel="C1", thread_ts="2.000002")
LINE, WORKING, WAITING = "assistant.threads.setStatus", "processing", "active"


class Calls:
    """Slack's Web API, which notes what is called."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.answer = asyncio.Event()
        self.answer.set()

    async def call(self, method: str, document: dict[str, Any], **_: Any) -> ApiResult:
        self.names.append(document["status"] if method != LINE else LINE)
        await self.answer.wait()
        return ApiResult(outcome=Outcome.DELIVERED, detail="", document={})


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    monkeypatch.setattr(status, "BEGIN_AFTER_S", 0.05)
    return Calls()


@pytest.fixture
def line(calls: Calls) -> StatusLine:
    return StatusLine(mock.Mock(call=calls.call), TEXTS["ko"])


async def over(line: StatusLine) -> None:
    async with asyncio.timeout(5):
        await line.close()


async def test_the_line_is_shown_where_no_text_comes_at_once(
    line: StatusLine, calls: Calls
) -> None:
    line.begin(ROOM, may_be_shown=True)
    line.shown(OTHER)
    await over(line)
    assert calls.names == [LINE, WORKING]


async def test_text_that_comes_at_once_takes_its_place(line: StatusLine, calls: Calls) -> None:
    line.begin(ROOM, may_be_shown=True)
    line.shown(ROOM)
    await over(line)
    assert calls.names == [WORKING]
    line.end(ROOM)
    await over(line)
    assert calls.names == [WORKING, WAITING]


async def test_an_answer_that_is_whole_at_once_shows_nothing_before_it(
    line: StatusLine, calls: Calls
) -> None:
    line.begin(ROOM, may_be_shown=True)
    line.end(ROOM)
    await over(line)
    assert calls.names == [WAITING]


async def test_a_whole_answer_is_heard_of_where_too_many_calls_are_under_way(
    line: StatusLine, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "MAX_UNDER_WAY", 1)
    line.begin(ROOM, may_be_shown=True)
    line.end(ROOM)
    await over(line)
    assert calls.names == []


async def test_a_bot_that_hears_of_no_text_shows_the_line_at_once(
    line: StatusLine, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "BEGIN_AFTER_S", 600.0)
    line.begin(ROOM, may_be_shown=False)
    await over(line)
    assert calls.names == [LINE, WORKING]


async def test_the_session_never_stays_at_work_behind_the_answer(
    line: StatusLine, calls: Calls
) -> None:
    """Slack would show it so for an hour."""
    calls.answer.clear()
    line.begin(ROOM, may_be_shown=False)
    async with asyncio.timeout(5):
        while calls.names != [LINE]:
            await asyncio.sleep(0.01)
    line.end(ROOM)
    await asyncio.sleep(0.05)
    assert calls.names == [LINE]
    calls.answer.set()
    await over(line)
    assert calls.names == [LINE, WAITING]


async def test_a_session_that_ended_with_its_stream_is_not_ended_again(
    line: StatusLine, calls: Calls
) -> None:
    assert not line.is_at_work(ROOM)
    line.begin(ROOM, may_be_shown=False)
    assert not line.is_at_work(ROOM)  # the call may come behind the end of the stream
    await over(line)
    assert line.is_at_work(ROOM)
    line.ended(ROOM)
    line.end(ROOM)
    await over(line)
    assert calls.names == [LINE, WORKING]
    line.end(ROOM)  # another bot's, of which nothing is known here
    await over(line)
    assert calls.names == [LINE, WORKING, WAITING]


async def test_a_session_that_begins_anew_meanwhile_is_ended(
    line: StatusLine, calls: Calls
) -> None:
    line.begin(ROOM, may_be_shown=False)
    await over(line)
    line.ended(ROOM)
    line.begin(ROOM, may_be_shown=False)
    await over(line)
    line.end(ROOM)
    await over(line)
    assert calls.names == [LINE, WORKING, LINE, WORKING, WAITING]
