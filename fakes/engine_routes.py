"""The routes of the engine stand-in, by dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from fakes.engine_events import chat_events, completion_events, generate_events
from fakes.engine_refusals import (
    chat_refusal,
    general_refusal,
    picture_refusal,
    prefill_refusal,
    refuse,
    tgi_refusal,
)
from fakes.engine_state import EngineServer, Json, Request
from fakes.engine_stream import EventStream


class EngineRoutes:
    """Answers requests as the server's switches say."""

    def __init__(self, server: EngineServer) -> None:
        self._server = server
        self._events = EventStream(server)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/health", self._health)
        api = self._server.api
        app.router.add_get(f"{api}/models", self._models)
        app.router.add_post(f"{api}/chat/completions", self._chat)
        if self._server.dialect in ("vllm", "sglang", "llamacpp"):
            app.router.add_post(f"{api}/completions", self._completion)
        if self._server.dialect == "sglang":
            app.router.add_get("/get_model_info", self._model_info)
        if self._server.dialect == "tgi":
            app.router.add_get("/info", self._info)
            app.router.add_post("/", self._generate)
            app.router.add_post("/generate_stream", self._generate)
        if self._server.dialect == "llamacpp":
            app.router.add_get("/props", self._props)
            app.router.add_get("/lora-adapters", self._lora_adapters)
        if self._server.dialect != "openai":
            app.router.add_get("/openapi.json", self._openapi)
        return app

    @web.middleware
    async def _gate(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        if self._server.loading > 0:
            self._server.loading -= 1
            return refuse(self._server, 503, "Loading model", "unavailable_error")
        if (
            self._server.api_key
            and request.headers.get("Authorization") != f"Bearer {self._server.api_key}"
        ):
            return refuse(self._server, 401, "Unauthorized", "authentication_error")
        response: web.StreamResponse = await handler(request)
        return response

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _models(self, _request: web.Request) -> web.Response:
        if not self._server.tell_model:
            return web.json_response({"detail": "Internal Server Error"}, status=500)
        card: Json = {"id": self._server.model, "object": "model", "owned_by": self._server.dialect}
        if self._server.dialect in ("vllm", "sglang"):
            card["max_model_len"] = self._server.context_window
            card["root"] = self._server.model
        if self._server.dialect == "vllm":
            card["root"] = self._server.origin or self._server.model
        tells = self._server.dialect in ("vllm", "sglang", "openai")
        adapters = [
            {"id": name, "object": "model", "parent": self._server.model}
            for name in (self._server.adapters if tells else ())
        ]
        listing: Any = {"object": "list", "data": [card, *adapters]}
        return web.json_response(listing["data"] if self._server.bare_list else listing)

    async def _info(self, _request: web.Request) -> web.Response:
        limits = {
            "max_input_tokens": self._server.max_prompt_tokens or self._server.context_window - 1,
            "max_total_tokens": self._server.context_window,
        }
        return web.json_response({"model_id": self._server.model, "version": "3.3.5", **limits})

    async def _props(self, _request: web.Request) -> web.Response:
        settings = {"n_ctx": self._server.context_window}
        path = self._server.origin or self._server.model
        return web.json_response(
            {
                "default_generation_settings": settings,
                "model_path": path,
                "modalities": {"vision": self._server.vision, "audio": False},
            }
        )

    async def _lora_adapters(self, _request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"id": number, "path": f"/adapters/{name}.gguf", "scale": 1.0}
                for number, name in enumerate(self._server.adapters)
            ]
        )

    async def _model_info(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "model_path": self._server.origin or self._server.model,
                "has_image_understanding": self._server.vision,
            }
        )

    async def _openapi(self, request: web.Request) -> web.Response:
        paths = [
            route.resource.canonical for route in request.app.router.routes() if route.resource
        ]
        if self._server.dialect == "transformers":
            paths.append("/load_model")
        return web.json_response({"paths": {path: {} for path in paths}})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._record(request)
        refusal = (
            picture_refusal(self._server, body)
            or general_refusal(self._server, body)
            or chat_refusal(self._server, body)
            or prefill_refusal(self._server, body)
        )
        if refusal:
            return refusal
        limit = int(body.get("max_tokens") or 100)
        return await self._events.send(request, body, limit, chat_events)

    async def _completion(self, request: web.Request) -> web.StreamResponse:
        """A prompt of token ids, or a text."""
        body = await self._record(request)
        refusal = general_refusal(self._server, body) or chat_refusal(self._server, body)
        if refusal:
            return refusal
        limit = int(body.get("max_tokens") or 16)
        return await self._events.send(request, body, limit, completion_events)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        body = await self._record(request)
        parameters = body.get("parameters") or {}
        refusal = general_refusal(self._server, body) or tgi_refusal(
            self._server, parameters, chat=False
        )
        if refusal:
            return refusal
        limit = int(parameters.get("max_new_tokens") or 100)
        return await self._events.send(request, body, limit, generate_events)

    async def _record(self, request: web.Request) -> Json:
        body: Json = await request.json()
        self._server.requests.append(
            Request(request.path, body, request.headers.get("Authorization"))
        )
        return body
