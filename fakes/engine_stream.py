"""The stream of an answer, faults included."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

from aiohttp import web

from fakes.engine_events import Events, whole_answer
from fakes.engine_state import EngineServer, Json, Request, adapter_of


class EventStream:
    """Sends answers as server-sent events, as the server's switches say."""

    def __init__(self, server: EngineServer) -> None:
        self._server = server

    async def send(
        self,
        request: web.Request,
        body: Json,
        limit: int,
        events: Events,
    ) -> web.StreamResponse:
        self._server.started += 1
        ended = False
        kind = "application/json" if self._server.form == "json" else "text/event-stream"
        response = web.StreamResponse(headers={"Content-Type": kind})
        try:
            if self._server.silent_after == 0:
                await asyncio.sleep(3600)
            await response.prepare(request)
            pieces, finish = self._pieces(body, limit)
            if self._server.form == "json":
                whole = whole_answer(self._server, body, pieces, finish)
                await response.write(json.dumps(whole, ensure_ascii=False, indent=1).encode())
                self._server.finished += 1
                ended = True
                return response
            for number, event in enumerate(events(self._server, body, pieces, finish)):
                if await self._fault(number, request, response):
                    return response
                await asyncio.sleep(self._server.delay_per_token_s)
                await self._write(response, event)
            ended = True
            self._server.finished += 1  # before the client, which has everything, may disconnect
            with suppress(ConnectionError):
                await response.write_eof()
            return response
        except ConnectionError:
            return response  # the client hung up
        finally:
            self._server.aborted += not ended

    def _pieces(self, body: Json, limit: int) -> tuple[list[Any], str]:
        if self._server.pieces is not None:
            return self._server.pieces, self._server.finish_reason or "stop"
        text = self._server.reply(Request("", body, None).messages)
        if adapter := adapter_of(self._server, body):
            text = f"[{adapter}] {text}"
        pieces: list[Any] = re.findall(r"\s*\S{1,3}|\s+$", text)
        finish = "stop" if len(pieces) <= limit else "length"
        return pieces[:limit], self._server.finish_reason or finish

    async def _fault(self, number: int, request: web.Request, response: web.StreamResponse) -> bool:
        """Whether the stream ends here, by an abort or an error event."""
        if number == self._server.silent_after:
            while True:
                await asyncio.sleep(0.02)
                if self._server.keep_alive:
                    await response.write(b":\n\n")
        if number == self._server.error_after:
            error: Any = {"message": "EngineCore encountered an issue", "code": 500}
            tgi = {"error": "CUDA out of memory", "error_type": "generation"}
            await self._write(response, tgi if self._server.dialect == "tgi" else {"error": error})
            return True
        if number == self._server.cut_after and request.transport:
            await asyncio.sleep(0.01)  # let what was written go out
            request.transport.abort()
            return True
        return False

    async def _write(self, response: web.StreamResponse, event: Json | str) -> None:
        data = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        if re.search("[\ud800-\udfff]", data):  # lone surrogates travel as JSON escapes
            data = json.dumps(event)
        wire = _framed(data, self._server.form).encode()
        if not self._server.split_bytes:
            await response.write(wire)
            return
        cut = next((i + 1 for i, byte in enumerate(wire) if byte >= 0xE0), len(wire) // 2)
        await response.write(wire[:cut])
        await asyncio.sleep(0.002)
        await response.write(wire[cut:])


def _framed(data: str, form: str) -> str:
    """The event as the server's form of a stream writes it."""
    if form == "tight":
        return f"data:{data}\r\n\r\n"
    if form == "lines":
        return "" if data == "[DONE]" else f"{data}\n"
    if form == "spread" and data != "[DONE]":
        lines = json.dumps(json.loads(data), ensure_ascii=False, indent=1).split("\n")
        spread = "\n".join(f"data: {line}" for line in lines)
        return f": ping\n\nid: 1\nevent: message\n{spread}\n\n"
    return f"data: {data}\n\n"
