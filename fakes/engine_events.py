"""The events of an answer's stream, by route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from fakes.engine_state import EngineServer, Json, prompt_tokens, usage_of

#: The events of an answer: of the server, for the request's body, these chunks and this finish.
Events = Callable[[EngineServer, Json, list[Any], str], Iterator[Json | str]]


def chat_events(
    server: EngineServer, body: Json, pieces: list[Any], finish: str
) -> Iterator[Json | str]:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": server.model}

    def choice(delta: Json, reason: str | None = None) -> Json:
        return {**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    counted = usage_of(prompt_tokens(body), len(pieces))
    if server.dialect != "tgi":
        yield choice({"role": "assistant", "content": ""})
    for word in server.reasoning.split(" ") if server.reasoning else ():
        yield choice({server.reasoning_field: f"{word} ", "content": None})
    for piece in pieces:
        yield choice({"role": "assistant", "content": piece})
    if finish != "none":
        last = choice({}, finish)
        yield {**last, "usage": counted} if server.usage == "always" else last
    asked = (body.get("stream_options") or {}).get("include_usage")
    if server.usage == "asked" and asked:
        yield {**frame, "choices": [], "usage": counted}
    if server.done:
        yield "[DONE]"


def whole_answer(server: EngineServer, body: Json, pieces: list[Any], finish: str) -> Json:
    """The answer of the chat route in one piece."""
    message = {"role": "assistant", "content": "".join(map(str, pieces))}
    if server.reasoning:
        message[server.reasoning_field] = server.reasoning
    reason = None if finish == "none" else finish
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": server.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": usage_of(prompt_tokens(body), len(pieces)),
    }


def completion_events(
    server: EngineServer, body: Json, pieces: list[Any], finish: str
) -> Iterator[Json | str]:
    frame = {"id": "cmpl-1", "object": "text_completion", "model": server.model}
    is_scored = "logprobs" in body
    if is_scored:
        yield {**frame, "choices": [scored_choice(body, pieces, finish)]}
    for number, piece in enumerate([] if is_scored else pieces):
        last = number == len(pieces) - 1 and finish != "none"
        choice = {"index": 0, "text": piece, "finish_reason": finish if last else None}
        yield {**frame, "choices": [choice]}
    asked = (body.get("stream_options") or {}).get("include_usage")
    if asked and server.usage != "never":
        yield {**frame, "choices": [], "usage": usage_of(prompt_tokens(body), len(pieces))}
    if server.done:
        yield "[DONE]"


def scored_choice(body: Json, pieces: list[Any], finish: str) -> Json:
    """The prompt and the answer at once, as vLLM streams an echo: the n-th token has -n / 10."""
    prompt = [str(one) for one in body["prompt"]] if body.get("echo") else []
    tokens = [*prompt, *pieces]
    own = [None if body.get("echo") and not at else -at / 10 for at in range(len(tokens))]
    starts = [len("".join(tokens[:at])) for at in range(len(tokens))]
    pairs = zip(tokens, own, strict=True)
    tops = [None if value is None else {"best": -0.01, token: value} for token, value in pairs]
    return {
        "index": 0,
        "text": "".join(tokens),
        "finish_reason": finish,
        "logprobs": {
            "tokens": tokens,
            "token_logprobs": own,
            "top_logprobs": tops,
            "text_offset": starts,
        },
    }


def generate_events(
    _server: EngineServer, body: Json, pieces: list[Any], finish: str
) -> Iterator[Json | str]:
    counted = {"generated_tokens": len(pieces) + 1, "input_length": prompt_tokens(body)}
    ends = {"stop": "eos_token"}
    details = {"finish_reason": ends.get(finish, finish), "seed": None, **counted}
    for index, piece in enumerate(pieces):
        token = {"id": index, "text": piece, "logprob": -0.1, "special": False}
        yield {"index": index + 1, "token": token, "generated_text": None, "details": None}
    if finish != "none":
        token = {"id": 128009, "text": "<|eot_id|>", "logprob": -0.1, "special": True}
        text = "".join(map(str, pieces))
        yield {"index": 0, "token": token, "generated_text": text, "details": details}
