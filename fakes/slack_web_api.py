"""The Web API of the Slack stand-in over HTTP: several workspaces on one server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from aiohttp import web

from bot.messengers.slack.simulated_workspace.arguments import parse_arguments
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.method import ApiReply
from bot.messengers.slack.simulated_workspace.workspace import SimulatedWorkspace
from fakes.faults import Arrivals, Fault, Faults
from fakes.slack_records import SlackCall

#: Faults after which a call has had no effect.
REFUSALS = frozenset({Fault.SERVER_ERROR, Fault.RATE_LIMITED})
NO_EFFECT = REFUSALS | {Fault.DROPPED}

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class SlackWebApi:
    """Every method of every workspace; the token tells which workspace is meant.

    ``handlers``: methods with their own requests, such as oauth.v2.access, by name.
    """

    def __init__(self, workspace: SimulatedWorkspace, arrivals: Arrivals) -> None:
        self.workspaces = [workspace]
        self.calls: list[SlackCall] = []
        self.handlers: dict[str, HttpHandler] = {}
        self.listeners: list[Callable[[SlackCall, bytes], None]] = []
        self.faults: defaultdict[str, Faults] = defaultdict(Faults)  #: by method
        self._arrivals = arrivals

    def add(self, workspace: SimulatedWorkspace) -> SimulatedWorkspace:
        """Serve a further workspace, known by its tokens."""
        self.workspaces.append(workspace)
        return workspace

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a call of ``/api/{method}``."""
        method = request.match_info["method"]
        if handler := self.handlers.get(method):
            return await handler(request)
        faults = self.faults[method]
        fault = faults.take()
        call, reply = await self._call(request, method, fault)
        self.calls.append(call)
        for listener in self.listeners:
            listener(call, await request.read())
        await self._arrivals.note()
        if fault in REFUSALS:
            return refuse(fault, faults)
        response = web.json_response(reply.document, status=reply.status, headers=reply.headers)
        return await faults.answer(fault, request, response)

    async def next_call(self, method: str, count: int = 1, timeout_s: float = 30.0) -> SlackCall:
        """Wait for the ``count``-th call of a method."""

        def of_method() -> list[SlackCall]:
            return [call for call in self.calls if call.method == method]

        await self._arrivals.until(lambda: len(of_method()) >= count, timeout_s)
        return of_method()[count - 1]

    def close(self) -> None:
        """End the calls that a fault keeps waiting."""
        for faults in self.faults.values():
            faults.close()

    async def _call(
        self, request: web.Request, method: str, fault: Fault | None
    ) -> tuple[SlackCall, ApiReply]:
        try:
            values = await arguments_of(request)
        except ValueError:
            reply = ApiReply(document=SlackError("invalid_json").document())
            return _record(method, self.workspaces[0], {}, reply, fault), reply
        token = _token(request, values)
        workspace = self._of(token)
        if fault in NO_EFFECT:
            reply = ApiReply(document={"ok": False, "error": "not_taken"})
        else:
            reply = workspace.call(method, values, token)
        return replace(_record(method, workspace, values, reply, fault), token=token), reply

    def _of(self, token: str) -> SimulatedWorkspace:
        known = (each for each in self.workspaces if token in each.tokens.known)
        return next(known, self.workspaces[0])


async def arguments_of(request: web.Request) -> dict[str, Any]:
    """The arguments of a call from JSON, a form or a query; raises ValueError."""
    if request.method == "GET":
        return dict(request.query)
    return parse_arguments(request.content_type, await request.read())


def refuse(fault: Fault | None, faults: Faults) -> web.Response:
    """The response of a fault after which nothing is shown."""
    if fault is Fault.RATE_LIMITED:
        return web.json_response(
            {"ok": False, "error": "ratelimited"},
            status=429,
            headers={"Retry-After": str(faults.retry_after_s)},
        )
    return web.Response(status=500, text="internal error")


def _token(request: web.Request, values: dict[str, Any]) -> str:
    bearer = request.headers.get("Authorization", "")
    return bearer.removeprefix("Bearer ") if bearer else str(values.get("token", ""))


def _record(
    method: str,
    workspace: SimulatedWorkspace,
    values: dict[str, Any],
    reply: ApiReply,
    fault: Fault | None,
) -> SlackCall:
    return SlackCall(
        method=method,
        team_id=workspace.team_id,
        arguments=values,
        document=reply.document,
        fault=fault,
    )
