"""Messages in Slack are read as what they are: streams, growing texts, answers, sentences."""

from __future__ import annotations

from uuid import UUID

import pytest

from bot.messengers.slack.blocks import part_message
from bot.messengers.slack.controls import stop_blocks, vote_blocks
from bot.messengers.slack.simulated_workspace.people import People
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from bot.messengers.slack.web_api import SENTENCE_TYPE, turn_metadata
from bot.text.catalog import TEXTS
from chaos.screens import Screens, Stage

TURN = UUID(int=7)
TOKEN = "xoxb-1"


@pytest.fixture
def workspace() -> SimulatedWorkspace:
    workspace = SimulatedWorkspace()
    workspace.tokens.add(TOKEN)
    return workspace


@pytest.fixture
def screens(workspace: SimulatedWorkspace) -> Screens:
    screens = Screens(workspace.directory.bot.user_id)
    workspace.state.listeners.append(screens.see)
    return screens


def ask(workspace: SimulatedWorkspace) -> dict[str, str]:
    """A question in a direct message, and where its answer goes."""
    room = workspace.directory.dm("U1").id
    [event] = People(workspace).write("U1", room, "안녕")
    return {"channel": room, "thread_ts": event["event"]["ts"]}


def test_a_stream_that_is_finished_by_an_edit(
    workspace: SimulatedWorkspace, screens: Screens
) -> None:
    place = ask(workspace)
    started = workspace.call("chat.startStream", {**place, "markdown_text": "d1m1"}, TOKEN)
    there = {"channel": place["channel"], "ts": started.document["ts"]}
    workspace.call("chat.appendStream", {**there, "markdown_text": "g1시작"}, TOKEN)
    workspace.call("chat.stopStream", there, TOKEN)
    final = part_message("d1m1g1시작 d1m1g1끝", notice="AI가 썼어요.")
    final["blocks"] = [*final["blocks"], *vote_blocks(TURN, TEXTS["ko"], native=True)]
    workspace.call("chat.update", {**there, **final, "metadata": turn_metadata(TURN)}, TOKEN)
    [post] = screens.answers()
    assert [(each.stage, each.text) for each in post.versions] == [
        (Stage.STREAM, "d1m1"),
        (Stage.STREAM, "d1m1g1시작"),
        (Stage.STREAM, "d1m1g1시작"),
        (Stage.FINAL, "d1m1g1시작 d1m1g1끝"),
    ]
    assert (post.way, post.turn_id, post.root) == ("stream", str(TURN), place["thread_ts"])


def test_a_growing_text_has_a_button_that_stops_it(
    workspace: SimulatedWorkspace, screens: Screens
) -> None:
    growing = part_message("d1m1g1시작 …")
    growing["blocks"] = [*growing["blocks"], *stop_blocks(TURN, TEXTS["ko"])]
    message = {**ask(workspace), **growing, "metadata": turn_metadata(TURN)}
    workspace.call("chat.postMessage", message, TOKEN)
    [post] = screens.answers()
    assert (post.last.stage, post.last.text, post.way) == (
        Stage.GROWING,
        "d1m1g1시작",
        "edits",
    )


def test_the_bots_own_sentences_and_answers_to_commands_are_no_answers_in_threads(
    workspace: SimulatedWorkspace, screens: Screens
) -> None:
    place = ask(workspace)
    named = {"metadata": {"event_type": SENTENCE_TYPE, "event_payload": {}}}
    workspace.call("chat.postMessage", {**place, "text": "도움말이에요.", **named}, TOKEN)
    outside = {"channel": place["channel"], **part_message("s1m1g1시작 s1m1g1끝")}
    workspace.call("chat.postMessage", {**outside, "metadata": turn_metadata(TURN)}, TOKEN)
    assert len(screens.posts) == 2
    assert screens.answers() == []
