"""A real HTTP server that speaks like TGI, vLLM and their like, faults included.

    async with engine_server(dialect="vllm", reply=lambda messages: "네, 안녕하세요.") as server:
        ...                      # point an engine at server.url
        server.requests[-1].contents
        server.overloaded = 2    # every switch may be turned while it runs

As a fixture:

    @pytest.fixture
    async def engine_at() -> AsyncIterator[EngineServer]:
        async with engine_server() as server:
            yield server

By hand or in a subprocess: ``python -m fakes.engine_server --port 0`` prints its URL.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Messages = list[dict[str, str]]
Json = dict[str, Any]

DEFAULT_MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
DIALECTS = ("vllm", "tgi", "sglang", "llamacpp", "transformers", "openai")

#: Every field the dialect's chat route takes; with ``strict`` any other is answered 422.
OPENAI_FIELDS = frozenset(
    (
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "temperature",
        "top_p",
        "seed",
        "stop",
        "n",
        "user",
        "presence_penalty",
        "frequency_penalty",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "response_format",
        "logit_bias",
    )
)
VLLM_FIELDS = OPENAI_FIELDS | {
    "repetition_penalty",
    "stop_token_ids",
    "top_k",
    "min_p",
    "prompt",
}
FIELDS: dict[str, frozenset[str]] = {
    "openai": OPENAI_FIELDS,
    "tgi": OPENAI_FIELDS,
    "transformers": OPENAI_FIELDS | {"chat_template_kwargs", "generation_config"},
    "vllm": VLLM_FIELDS,
    "sglang": VLLM_FIELDS,
    "llamacpp": OPENAI_FIELDS | {"repeat_penalty", "top_k", "min_p", "cache_prompt"},
}


def echo(messages: Messages) -> str:
    """The default reply: what the user said last, so that a test can tell answers apart."""
    return f"에코: {last_user_text(messages)}"


def last_user_text(messages: Messages) -> str:
    return next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")


@dataclass(frozen=True)
class Request:
    """One request to generate, as it came."""

    path: str
    body: Json
    authorization: str | None

    @property
    def messages(self) -> Messages:
        """The chat; a raw Llama-3 prompt is taken apart into one."""
        if "messages" in self.body:
            return list(self.body["messages"])
        if "prompt" in self.body:
            return [{"role": "user", "content": " ".join(map(str, self.body["prompt"]))}]
        return read_llama3(self.body["inputs"])

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.messages]

    @property
    def contents(self) -> list[str]:
        return [message["content"] for message in self.messages]


@dataclass
class EngineServer:
    """The server's switches and its memory. Times are seconds."""

    dialect: str = "vllm"
    model: str = DEFAULT_MODEL
    reply: Callable[[Messages], str] = echo
    context_window: int = 8192
    api_key: str = ""  #: asked for when not empty
    delay_per_token_s: float = 0.0
    tell_model: bool = True  #: False: /v1/models fails, as that of transformers serve may
    strict: bool = False  #: 422 for fields the dialect does not know
    usage: str = "asked"  #: asked (empty choices) | always (with the last choice) | never
    finish_reason: str = ""  #: what to say instead of stop or length
    pieces: list[Any] | None = None  #: the answer's chunks as they are, instead of the reply

    # Faults
    loading: int = 0  #: so many requests of any kind are answered 503
    overloaded: int = 0  #: so many generations are answered 429
    fails_with: tuple[int, Any] | None = None  #: status and JSON (or text) for every generation
    max_prompt_tokens: int | None = None  #: beyond it: 400, or TGI's 422
    cut_after: int | None = None  #: the connection breaks after so many chunks
    silent_after: int | None = None  #: nothing more comes after so many chunks; 0: no headers
    keep_alive: bool = False  #: comments while it is silent, as TGI sends them
    error_after: int | None = None  #: an error event after so many chunks
    split_bytes: bool = False  #: every event goes out in two writes, cut in a character

    # What happened
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    started: int = 0
    finished: int = 0
    aborted: int = 0  #: the client went away, or the stream was cut

    @property
    def running(self) -> int:
        return self.started - self.finished - self.aborted

    async def until(self, holds: Callable[[EngineServer], bool], within_s: float = 5.0) -> None:
        """Wait for the server to notice something, such as ``lambda s: s.aborted == 1``."""
        async with asyncio.timeout(within_s):
            while not holds(self):
                await asyncio.sleep(0.005)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        if self.dialect in ("vllm", "sglang"):
            app.router.add_post("/v1/completions", self._completion)
        if self.dialect == "tgi":
            app.router.add_get("/info", self._info)
            app.router.add_post("/", self._generate)
            app.router.add_post("/generate_stream", self._generate)
        if self.dialect == "llamacpp":
            app.router.add_get("/props", self._props)
        if self.dialect != "openai":
            app.router.add_get("/openapi.json", self._openapi)
        return app

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        if self.loading > 0:
            self.loading -= 1
            return self._refuse(503, "Loading model", "unavailable_error")
        if self.api_key and request.headers.get("Authorization") != f"Bearer {self.api_key}":
            return self._refuse(401, "Unauthorized", "authentication_error")
        response: web.StreamResponse = await handler(request)
        return response

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _models(self, _request: web.Request) -> web.Response:
        if not self.tell_model:
            return web.json_response({"detail": "Internal Server Error"}, status=500)
        card: Json = {"id": self.model, "object": "model", "owned_by": self.dialect}
        if self.dialect in ("vllm", "sglang"):
            card["max_model_len"] = self.context_window
        return web.json_response({"object": "list", "data": [card]})

    async def _info(self, _request: web.Request) -> web.Response:
        limits = {
            "max_input_tokens": self.max_prompt_tokens or self.context_window - 1,
            "max_total_tokens": self.context_window,
        }
        return web.json_response({"model_id": self.model, "version": "3.3.5", **limits})

    async def _props(self, _request: web.Request) -> web.Response:
        return web.json_response({"default_generation_settings": {"n_ctx": self.context_window}})

    async def _openapi(self, request: web.Request) -> web.Response:
        paths = [
            route.resource.canonical for route in request.app.router.routes() if route.resource
        ]
        if self.dialect == "transformers":
            paths.append("/load_model")
        return web.json_response({"paths": {path: {} for path in paths}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._record(request)
        refusal = self._general_refusal(body) or self._chat_refusal(body)
        if refusal:
            return refusal
        limit = int(body.get("max_tokens") or 100)
        return await self._stream(request, body, limit, self._chat_events)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        """The prompt as token ids."""
        body = await self._record(request)
        refusal = self._general_refusal(body) or self._chat_refusal(body)
        if refusal:
            return refusal
        limit = int(body.get("max_tokens") or 16)
        return await self._stream(request, body, limit, self._completion_events)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await self._record(request)
        parameters = body.get("parameters") or {}
        refusal = self._general_refusal(body) or self._tgi_refusal(parameters, chat=False)
        if refusal:
            return refusal
        limit = int(parameters.get("max_new_tokens") or 100)
        return await self._stream(request, body, limit, self._generate_events)

    async def _record(self, request: web.Request) -> Json:
        body: Json = await request.json()
        self.requests.append(Request(request.path, body, request.headers.get("Authorization")))
        return body

    def _general_refusal(self, body: Json) -> web.Response | None:
        if self.overloaded > 0:
            self.overloaded -= 1
            return self._refuse(429, "Model is overloaded", "overloaded")
        if self.fails_with:
            status, said = self.fails_with
            if isinstance(said, str):
                return web.Response(status=status, text=said)
            return web.json_response(said, status=status)
        if self.max_prompt_tokens and prompt_tokens(body) > self.max_prompt_tokens:
            return self._too_long(prompt_tokens(body))
        return None

    def _too_long(self, given: int) -> web.Response:
        if self.dialect == "tgi":
            said = f"`inputs` must have less than {self.max_prompt_tokens} tokens. Given: {given}"
            return self._refuse(422, f"Input validation error: {said}", "validation")
        if self.dialect == "llamacpp":
            said = "the request exceeds the available context size, try increasing it"
            return self._refuse(400, said, "exceed_context_size_error")
        said = f"This model's maximum context length is {self.max_prompt_tokens} tokens."
        return self._refuse(400, f"{said} Your request has {given} input tokens.", "BadRequest")

    def _chat_refusal(self, body: Json) -> web.Response | None:
        unknown = sorted(body.keys() - FIELDS[self.dialect])
        if unknown and (self.strict or self.dialect == "transformers"):
            detail = f"Unexpected fields in the request: {unknown}"
            return web.json_response({"detail": detail}, status=422)
        if self.dialect in ("vllm", "sglang") and body.get("model") != self.model:
            said = f"The model `{body.get('model')}` does not exist."
            return self._refuse(404, said, "NotFoundError")
        if self.dialect == "transformers" and body.get("model") != self.model:
            detail = f"Server is pinned to '{self.model}'; requested '{body.get('model')}'."
            return web.json_response({"detail": detail}, status=400)
        if self.dialect == "tgi":
            return self._tgi_refusal(body, chat=True)
        return None

    def _tgi_refusal(self, fields: Json, *, chat: bool) -> web.Response | None:
        """What TGI's validation refuses of the fields that its routes share."""
        top_p, temperature = fields.get("top_p"), fields.get("temperature")
        stop, seed = fields.get("stop") or [], fields.get("seed")
        faults = {
            "`top_p` must be > 0.0 and < 1.0": top_p is not None and not 0 < top_p < 1,
            "`temperature` must be strictly positive": not chat and temperature == 0,
            "`top_k` must be strictly positive": fields.get("top_k") in (0, -1),
            "`stop` supports up to 4 stop sequences": len(stop) > 4,
            "invalid value: seed, expected u64": seed is not None and seed < 0,
            "unknown adapter": chat and fields.get("model") != "tgi",
        }
        said = next((fault for fault, found in faults.items() if found), None)
        if said is None:
            return None
        return self._refuse(422, f"Input validation error: {said}", "validation")

    def _refuse(self, status: int, said: str, kind: str) -> web.Response:
        if self.dialect == "tgi":
            return web.json_response({"error": said, "error_type": kind}, status=status)
        error = {"message": said, "type": kind, "code": status}
        return web.json_response({"error": error}, status=status)

    async def _stream(
        self,
        request: web.Request,
        body: Json,
        limit: int,
        events: Callable[[Json, list[Any], str], Iterator[Json | str]],
    ) -> web.StreamResponse:
        self.started += 1
        ended = False
        try:
            if self.silent_after == 0:
                await asyncio.sleep(3600)
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            pieces, finish = self._pieces(body, limit)
            for number, event in enumerate(events(body, pieces, finish)):
                if await self._fault(number, request, response):
                    return response
                await asyncio.sleep(self.delay_per_token_s)
                await self._write(response, event)
            ended = True
            self.finished += 1  # before the client, which has all it needs, may go away
            with suppress(ConnectionError):
                await response.write_eof()
            return response
        finally:
            self.aborted += not ended

    def _pieces(self, body: Json, limit: int) -> tuple[list[Any], str]:
        if self.pieces is not None:
            return self.pieces, self.finish_reason or "stop"
        said = self.reply(Request("", body, None).messages)
        pieces: list[Any] = re.findall(r"\s*\S{1,3}|\s+$", said)
        finish = "stop" if len(pieces) <= limit else "length"
        return pieces[:limit], self.finish_reason or finish

    async def _fault(self, number: int, request: web.Request, response: web.StreamResponse) -> bool:
        """Whether the stream ends here, with a break or an error event."""
        if number == self.silent_after:
            while True:
                await asyncio.sleep(0.02)
                if self.keep_alive:
                    await response.write(b":\n\n")
        if number == self.error_after:
            error: Any = {"message": "EngineCore encountered an issue", "code": 500}
            tgi = {"error": "CUDA out of memory", "error_type": "generation"}
            await self._write(response, tgi if self.dialect == "tgi" else {"error": error})
            return True
        if number == self.cut_after and request.transport:
            await asyncio.sleep(0.01)  # let what was written go out
            request.transport.abort()
            return True
        return False

    async def _write(self, response: web.StreamResponse, event: Json | str) -> None:
        said = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
        if re.search("[\ud800-\udfff]", said):  # halves of pairs travel as JSON escapes
            said = json.dumps(event)
        wire = f"data: {said}\n\n".encode()
        if not self.split_bytes:
            await response.write(wire)
            return
        cut = next((i + 1 for i, byte in enumerate(wire) if byte >= 0xE0), len(wire) // 2)
        await response.write(wire[:cut])
        await asyncio.sleep(0.002)
        await response.write(wire[cut:])

    def _chat_events(self, body: Json, pieces: list[Any], finish: str) -> Iterator[Json | str]:
        frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": self.model}

        def choice(delta: Json, reason: str | None = None) -> Json:
            return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

        counted = usage_of(prompt_tokens(body), len(pieces))
        if self.dialect != "tgi":
            yield choice({"role": "assistant", "content": ""})
        for piece in pieces:
            yield choice({"role": "assistant", "content": piece})
        if finish != "none":
            last = choice({}, finish)
            yield {**last, "usage": counted} if self.usage == "always" else last
        asked = (body.get("stream_options") or {}).get("include_usage")
        if self.usage == "asked" and asked:
            yield {**frame, "choices": [], "usage": counted}
        yield "[DONE]"

    def _completion_events(
        self, body: Json, pieces: list[Any], finish: str
    ) -> Iterator[Json | str]:
        frame = {"id": "cmpl-1", "object": "text_completion", "model": self.model}
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1 and finish != "none"
            choice = {"index": 0, "text": piece, "finish_reason": finish if last else None}
            yield {**frame, "choices": [choice]}
        if (body.get("stream_options") or {}).get("include_usage"):
            yield {**frame, "choices": [], "usage": usage_of(prompt_tokens(body), len(pieces))}
        yield "[DONE]"

    def _generate_events(self, body: Json, pieces: list[Any], finish: str) -> Iterator[Json | str]:
        counted = {"generated_tokens": len(pieces) + 1, "input_length": prompt_tokens(body)}
        ends = {"stop": "eos_token"}
        details = {"finish_reason": ends.get(finish, finish), "seed": None, **counted}
        for index, piece in enumerate(pieces):
            token = {"id": index, "text": piece, "logprob": -0.1, "special": False}
            yield {"index": index + 1, "token": token, "generated_text": None, "details": None}
        if finish != "none":
            token = {"id": 128009, "text": "<|eot_id|>", "logprob": -0.1, "special": True}
            said = "".join(map(str, pieces))
            yield {"index": 0, "token": token, "generated_text": said, "details": details}


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Half a token for every character: about what Llama-3 takes for Korean."""
    if "prompt" in body:
        return len(body["prompt"])
    if "inputs" in body:
        return len(body["inputs"]) // 2
    return sum(len(message["content"]) for message in body["messages"]) // 2


def usage_of(prompt: int, completion: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def read_llama3(prompt: str) -> Messages:
    """The chat that a rendered Llama-3 prompt holds, up to the header left open at its end."""
    turn = re.compile(
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>", re.DOTALL
    )
    return [{"role": role, "content": content} for role, content in turn.findall(prompt)]


@asynccontextmanager
async def engine_server(
    *, host: str = "127.0.0.1", port: int = 0, **switches: Any
) -> AsyncIterator[EngineServer]:
    """Run the server; ``switches`` are EngineServer's fields. Port 0: any that is free."""
    server = EngineServer(**switches)
    if server.dialect not in DIALECTS:
        raise ValueError(f"dialect must be one of {', '.join(DIALECTS)}")
    # A handler is cancelled when its client goes away, so that aborts are noticed at once.
    runner = web.AppRunner(server.app(), handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        server.url = f"http://{host}:{bound}"
        yield server
    finally:
        await runner.cleanup()


async def run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with engine_server(**vars(options)) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", choices=DIALECTS, default="vllm")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--api-key", default="")
    parser.add_argument("--context-window", type=int, default=8192)
    parser.add_argument("--delay-per-token-s", type=float, default=0.0)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
