"""Slack and an engine in the benchmark's own process: workspaces with Slack's limits, paced tokens.

One token is good for every workspace here: the channel of a call tells which one is meant.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web

from benchmarks.raw_http import SLACK_SECRET, SLACK_TOKEN
from benchmarks.stand_ins import END, MODEL, event_line
from bot.messengers.slack.simulated_events import signed_json
from bot.messengers.slack.simulated_workspace.people import People
from bot.messengers.slack.simulated_workspace.rules import WorkspaceRules
from bot.messengers.slack.simulated_workspace.sightings import Sighting, SightingKind
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from fakes.faults import serving
from fakes.slack_web_api import arguments_of

#: The tokens of the answer to the question with this number.
Tokens = Callable[[int], list[str]]

_MARK = re.compile(r"#(\d+)")


@dataclass(slots=True)
class Answer:
    """What a person saw of one answer; times are Unix seconds."""

    number: int  #: in its question
    room: str
    asked: float = 0.0
    status: float = 0.0  #: the first status line
    token: float = 0.0  #: the engine's first token
    shown: float = 0.0  #: the first visible text
    streamed: bool = False
    texts: dict[str, str] = field(default_factory=dict)  #: by the messages' ts, as they are now
    versions: list[str] = field(default_factory=list)  #: all texts that were seen, in order

    @property
    def is_whole(self) -> bool:
        """Whether the person sees the whole answer, once."""
        return len(self.texts) == 1 and END in next(iter(self.texts.values()))


class SlackRig:
    """Asks in direct messages, and notes what is seen there."""

    def __init__(self) -> None:
        self.origin = ""
        self.answers: dict[int, Answer] = {}  #: by the number in the question
        self.slow_s: dict[str, float] = {}  #: how long a workspace takes for each call, by id
        self.pieces = 20  #: of an answer, one every ``piece_s``
        self.piece_s = 0.25
        self.tokens: Tokens = self._words  #: the tokens of an answer, by its number
        self.tokens_a_piece = 1
        self.keeps_versions = False
        self._workspaces: dict[str, SimulatedWorkspace] = {}  #: by channel
        self._rooms: dict[str, Answer] = {}

    def workspace(self, team: str) -> SimulatedWorkspace:
        """A further workspace with Slack's rate limits."""
        rules = WorkspaceRules(rate_limited=True, max_records=100)
        workspace = SimulatedWorkspace(team, rules=rules)
        workspace.tokens.add(SLACK_TOKEN)
        workspace.state.listeners.append(self._see)
        return workspace

    async def ask(
        self, http: ClientSession, bot_url: str, workspace: SimulatedWorkspace, number: int
    ) -> None:
        """Ask the question with this number as a new person, in a direct message."""
        user = f"U{workspace.team_id}X{number}"
        room = workspace.directory.dm(user).id
        self._workspaces[room] = workspace
        answer = self.answers[number] = self._rooms[room] = Answer(number, room)
        [event] = People(workspace).write(user, room, f"오늘 날씨 어때요? #{number}")
        body, headers = signed_json(SLACK_SECRET, event)
        answer.asked = time.time()
        url = f"{bot_url}/webhooks/slack/events"
        async with http.post(url, data=body, headers=headers) as response:
            response.raise_for_status()

    async def call(self, request: web.Request) -> web.Response:
        """A call of the Web API."""
        values: dict[str, Any] = await arguments_of(request)
        room = str(values.get("channel") or values.get("channel_id") or "")
        workspace = self._workspaces.get(room)
        if workspace is None:
            return web.json_response({"ok": False, "error": "channel_not_found"})
        if slow_s := self.slow_s.get(workspace.team_id):
            await asyncio.sleep(slow_s)
        reply = workspace.call(request.match_info["method"], values, SLACK_TOKEN)
        return web.json_response(reply.document, status=reply.status, headers=reply.headers)

    async def write(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions: pieces at a fixed rate."""
        messages = json.loads(await request.read())["messages"]
        number = int(_MARK.findall(messages[-1]["content"])[-1])
        answer = self.answers[number]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await asyncio.sleep(self.piece_s)
        answer.token = answer.token or time.time()
        with contextlib.suppress(ConnectionError):
            for piece in self._pieces([*self.tokens(number), END]):
                await response.write(piece)
                await asyncio.sleep(self.piece_s)
            await response.write(event_line({"delta": {}, "finish_reason": "stop"}))
            await response.write(b"data: [DONE]\n\n")
        return response

    async def models(self, _request: web.Request) -> web.Response:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": [{"id": MODEL, "owned_by": "bench"}]})

    def _words(self, _number: int) -> list[str]:
        return [_word(at) for at in range(self.pieces - 1)]

    def _pieces(self, tokens: list[str]) -> Iterator[bytes]:
        """The events of the tokens, cut anywhere in the middle of a letter's bytes."""
        rest = b""
        for at in range(0, len(tokens), self.tokens_a_piece):
            some = tokens[at : at + self.tokens_a_piece]
            rest += b"".join(event_line({"delta": {"content": token}}) for token in some)
            cut = len(rest) - (at % 7 if self.tokens_a_piece > 1 else 0)
            yield rest[:cut]
            rest = rest[cut:]
        yield rest

    def _see(self, seen: Sighting) -> None:
        answer = self._rooms.get(seen.room)
        if answer is None:
            return
        if seen.kind is SightingKind.STATUS and seen.text:
            answer.status = answer.status or seen.at
        elif seen.ts and seen.author.endswith("BLLOSSOM"):
            answer.shown = answer.shown or (seen.at if seen.text else 0.0)
            answer.streamed |= seen.kind is SightingKind.STREAM_START
            answer.texts[seen.ts] = seen.text
            if self.keeps_versions:
                answer.versions.append(seen.text)


def _word(number: int) -> str:
    """A word different from all others: the worker ends an answer in a loop."""
    word = "".join(chr(0xAC00 + (number * 7919 + at * 104729) % 11172) for at in range(8))
    return f"{word} "


@contextlib.asynccontextmanager
async def running_slack_rig() -> AsyncIterator[SlackRig]:
    """Slack and the engine, serving on one free port."""
    rig = SlackRig()
    app = web.Application(client_max_size=2**22)
    app.add_routes(
        [
            web.get("/v1/models", rig.models),
            web.post("/v1/chat/completions", rig.write),
            web.route("*", "/api/{method}", rig.call),
        ]
    )
    async with serving(app) as origin:
        rig.origin = origin
        yield rig
