"""The routes of the endpoint: models, chat completions, plain completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

import structlog
from aiohttp import web

from inference_queue.presets import PRESETS
from inference_queue.protocol import Completion
from inference_queue.worker_registry import WorkerState, WorkerStatus
from inference_worker.api.access import check_json
from inference_worker.api.admission import Admission
from inference_worker.api.answering import Begin, answer, stream
from inference_worker.api.beginning import begin_chat, begin_plain, without_answer
from inference_worker.api.body import read_object
from inference_worker.api.chat import read_chat
from inference_worker.api.errors import ApiError, of_engine
from inference_worker.api.event_stream import EventStream
from inference_worker.api.fields import Fields
from inference_worker.api.options import Options, read_options
from inference_worker.api.plain import DEFAULT_MAX_TOKENS, read_prompts
from inference_worker.api.replies import Reply
from inference_worker.api.scoring import Scoring, read_chat_scoring, read_plain_scoring
from inference_worker.api.slots import RequestSlots
from inference_worker.engines.base import Delta, Engine, ModelCard, PlainRequest
from inference_worker.errors import EngineError
from inference_worker.metrics import record_api_answer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the endpoint is in front of."""

    engine: Engine
    slots: RequestSlots
    status: Callable[[], WorkerStatus]

    def card(self) -> ModelCard:
        """The model that answers now. Raises ApiError where none does."""
        status = self.status()
        if status.state is WorkerState.READY:
            return self.engine.card
        sentences = {
            WorkerState.LOADING: "The model is still loading: ask again in a minute.",
            WorkerState.DRAINING: "The worker is stopping: ask again later, or another worker.",
        }
        sentence = sentences.get(status.state, "The engine cannot answer now: check it.")
        detail = f" {status.detail}" if status.state is not WorkerState.DRAINING else ""
        raise ApiError(503, f"{sentence}{detail}".rstrip(), "engine_unavailable")


class Routes:
    """The handlers, with one engine."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._admission = Admission(served.slots)

    async def models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        card = self._served.card()
        models = [_model(card), *(_adapted(card, name) for name in card.adapters)]
        return web.json_response({"object": "list", "data": models})

    async def model(self, request: web.Request) -> web.Response:
        """GET /v1/models/{model}, whose name may have slashes."""
        card = self._served.card()
        adapter = _adapter(request.match_info["model"], card)
        return web.json_response(_adapted(card, adapter) if adapter else _model(card))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        with self._admission.admitted():
            fields, card, adapter = await self._read(request)
            options = read_options(fields, default=PRESETS[card.preset].sampling)
            job = replace(read_chat(fields, options.sampling, card), adapter=adapter)
            scoring = read_chat_scoring(fields)
            reply = _reply(adapter or card.name, options, scoring, is_chat=True)
            begin = begin_chat(self._served.engine, job, scoring.wanted)
            return await self._send(request, reply, options, [begin])

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions."""
        with self._admission.admitted():
            fields, card, adapter = await self._read(request)
            default = PRESETS[card.preset].sampling
            options = read_options(
                fields, default=replace(default, max_new_tokens=DEFAULT_MAX_TOKENS)
            )
            prompts = read_prompts(fields)
            scoring = read_plain_scoring(
                fields, prompts, max_new_tokens=options.sampling.max_new_tokens
            )
            begins = [
                begin_plain(
                    self._served.engine,
                    partial(PlainRequest, prompt=one, sampling=options.sampling, adapter=adapter),
                    scoring.wanted,
                )
                for one in prompts
            ]
            reply = _reply(adapter or card.name, options, scoring, is_chat=False)
            return await self._send(request, reply, options, begins)

    async def _read(self, request: web.Request) -> tuple[Fields, ModelCard, str]:
        """The body's fields, the model, and the adapter that was asked for, "" for none."""
        check_json(request)
        card = self._served.card()
        fields = Fields(await read_object(request))
        return fields, card, _adapter(fields.text("model"), card)

    async def _send(
        self, request: web.Request, reply: Reply, options: Options, begins: list[Begin]
    ) -> web.StreamResponse:
        slots = self._served.slots
        if options.streams:
            return await _stream(EventStream(request), reply, options, stream(slots, begins[0]))
        completions = [await answer(slots, begin) for begin in begins]
        for completion in completions:
            _note(reply, completion)
        if options.is_empty:
            completions = [without_answer(completion) for completion in completions]
        if reply.scoring.wanted is None:
            return web.json_response(reply.whole(completions))
        # Of thousands of tokens: other requests and jobs go on meanwhile.
        text = await asyncio.to_thread(lambda: json.dumps(reply.whole(completions)))
        return web.Response(text=text, content_type="application/json")


async def _stream(
    out: EventStream,
    reply: Reply,
    options: Options,
    events: AsyncGenerator[Delta | Completion, None],
) -> web.StreamResponse:
    try:
        async with aclosing(events):
            async for event in events:
                if reply.is_chat and not out.response.prepared:
                    await out.send(reply.first())
                if isinstance(event, Delta):
                    await out.send(reply.piece(event))
                    continue
                _note(reply, event)
                await out.send(reply.last(event))
                if options.tells_usage:
                    await out.send(reply.counts(event))
    except EngineError as error:
        return await out.fail(of_engine(error))
    except ApiError as error:
        return await out.fail(error)
    return await out.end()


def _note(reply: Reply, completion: Completion) -> None:
    record_api_answer(completion, is_chat=reply.is_chat)
    log.info(
        "api_answered",
        id=reply.id,
        chat=reply.is_chat,
        finish=completion.finish_reason.value,
        prompt_tokens=completion.prompt_tokens,
        completion_tokens=completion.completion_tokens,
        dropped_messages=completion.dropped_messages,
        cut_chars=completion.cut_chars,
    )


def _reply(model: str, options: Options, scoring: Scoring, *, is_chat: bool) -> Reply:
    return Reply(model=model, is_chat=is_chat, tells_ids=options.tells_ids, scoring=scoring)


def _adapter(name: str, card: ModelCard) -> str:
    """The adapter that is meant by a model's name, "" for the model itself.

    Raises ApiError for any other name: results must not go under a name that is not theirs.
    """
    if name in card.adapters:
        return name
    if not name:
        raise ApiError(400, f"Name the model: {card.name}.", "missing_model", "model")
    if name != card.name:
        known = ", ".join((card.name, *card.adapters))
        sentence = f"This worker does not serve that model, only {known}."
        raise ApiError(404, sentence, "model_not_found", "model")
    return ""


def _model(card: ModelCard) -> dict[str, object]:
    return {
        "id": card.name,
        "object": "model",
        "created": 0,
        "owned_by": "bllossom-messenger",
        "root": card.name,
        "max_model_len": card.context_window or PRESETS[card.preset].context_window,
        "adapter": card.adapter or None,
        "vision": card.vision,
    }


def _adapted(card: ModelCard, adapter: str) -> dict[str, object]:
    """An adapter as a model of its own, with the fields by which vLLM lists one."""
    return {**_model(card), "id": adapter, "parent": card.name, "adapter": adapter}
