"""The streams of known servers, cut into chunks at every byte, give the same answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from huggingface_hub import TextGenerationStreamOutput
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_queue.protocol import FinishReason
from inference_worker.answer.answer_text import AnswerText, WrittenAnswer
from inference_worker.answer.families import ALL_END_MARKERS
from inference_worker.answer.reasoning import ThinkingHabit
from inference_worker.answer.turn_end import TurnEnd
from inference_worker.engines.served import event_lines
from inference_worker.engines.served.stream import (
    Chunk,
    StreamAccumulator,
    read_chat,
    read_generate,
)


def chunk(content: Any = None, *, finish: str | None = None, **delta: Any) -> str:
    """A chunk of the chat route."""
    fields = delta if content is None else {"content": content, **delta}
    choice = {"index": 0, "delta": fields, "finish_reason": finish}
    return json.dumps({"choices": [choice]}, ensure_ascii=False)


def events(*data: str, prefix: str = "data: ", end: str = "\n\n") -> str:
    return "".join(f"{prefix}{one}{end}" for one in data)


USAGE = '{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}'
STOP = chunk("", finish="stop")
THOUGHT = {"type": "thinking", "thinking": "음"}
PARTS = [{"type": "text", "text": "안녕 "}, {"type": "text", "text": "👋"}]
#: The bytes of "안녕 👋" after the thought "음", by each server in its own way.
STREAMS: dict[str, str] = {
    "vLLM": events(
        chunk("", role="assistant"),
        chunk(reasoning_content="음"),
        chunk("안녕 "),
        chunk("👋"),
        STOP,
        USAGE,
        "[DONE]",
    ),
    "llama.cpp": events(
        chunk(role="assistant"),
        chunk("<think>음</thi"),
        chunk("nk>안녕 👋<|im_"),
        chunk("end|>"),
        STOP,
        "[DONE]",
    ),
    "TGI": events(chunk("<think>음</think>안녕 👋"), STOP, "[DONE]", prefix="data:"),
    "Ollama": events(chunk("", reasoning="음"), chunk("안녕 👋"), STOP, "[DONE]"),
    "LM Studio": events(chunk("음</think>\n\n안녕 👋"), STOP, "[DONE]", end="\r\n\r\n"),
    "transformers serve": events(chunk("음</think>안녕 👋"), STOP),
    "Gemini": events(chunk("<thought>음</thought>안녕 👋", finish="stop"), "[DONE]"),
    "parts": "\ufeff" + events(chunk([THOUGHT]), chunk(PARTS), "[DONE]", end="\r\r"),
    "one JSON object": json.dumps(
        {
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "안녕 👋", "reasoning": "음"},
                    "finish_reason": "stop",
                }
            ]
        },
        ensure_ascii=False,
        indent=1,
    ),
    "MiniMax": events(
        chunk("<think>음</think>안녕 "),
        chunk("👋"),
        json.dumps({"choices": [{"message": {"content": "안녕 👋"}, "finish_reason": "stop"}]}),
    ),
    "JSON lines": events(chunk("[THINK]음[/THINK]안녕 👋"), STOP, prefix="", end="\n"),
    "spread": (
        ': ping\n\nevent: message\ndata: {"choices": [{"delta":\n: ping\nid: 1\n'
        'data: {"content": "◁think▷음◁/think▷안녕 👋"}}]}\n\ndata: [DONE]\n\n'
    ),
    "surrogates": events(
        chunk("<think>음</think>안녕 @").replace("@", r"\ud83d"),
        chunk("@").replace("@", r"\udc4b"),
        "[DONE]",
    ),
}
TGI_OWN = events(
    '{"index":1,"token":{"id":1,"text":"안녕 ","logprob":-0.1,"special":false}}',
    '{"index":2,"token":{"id":2,"text":"👋","logprob":-0.1,"special":false}}',
    '{"index":3,"token":{"id":9,"text":"<|eot_id|>","logprob":0,"special":true},'
    '"generated_text":"안녕 👋","details":{"finish_reason":"eos_token","generated_tokens":3}}',
    prefix="data:",
)


async def _arriving(chunks: Sequence[bytes]) -> AsyncIterator[bytes]:
    for one in chunks:
        yield one


async def _read(chunks: Sequence[bytes], *, own: bool) -> AsyncIterator[Chunk]:
    if not own:
        async for event in event_lines.events(_arriving(chunks)):
            if event == "[DONE]":
                return
            yield read_chat(event)
        return
    async for line in event_lines.event_lines(_arriving(chunks)):
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            return
        yield read_generate(TextGenerationStreamOutput.parse_obj_as_instance(data))


async def written(chunks: Sequence[bytes], *, own: bool = False) -> tuple[WrittenAnswer, list[str]]:
    """The answer in these bytes, and its visible pieces, by the readers of the engine."""
    output = StreamAccumulator(TurnEnd(ALL_END_MARKERS), AnswerText(ThinkingHabit()))
    read = [output.take(event) async for event in _read(chunks, own=own)]
    pieces = [delta.text for delta in read if delta]
    assert output.is_whole
    if delta := output.flush(output.finish_reason):
        pieces.append(delta.text)
    return output.written(output.finish_reason), pieces


@pytest.mark.parametrize("server", STREAMS)
async def test_every_split_of_the_bytes_gives_the_same_answer(server: str) -> None:
    raw = STREAMS[server].encode()
    splits = [[raw[:at], raw[at:]] for at in range(len(raw))]
    for chunks in [*splits, [bytes([byte]) for byte in raw]]:
        answer, pieces = await written(chunks)
        assert answer == WrittenAnswer("안녕 👋", "음", FinishReason.STOP)
        assert "".join(pieces) == "안녕 👋"


async def test_every_split_of_tgis_own_route_gives_the_same_answer() -> None:
    raw = TGI_OWN.encode()
    for at in range(len(raw)):
        answer, _ = await written([raw[:at], raw[at:]], own=True)
        assert answer == WrittenAnswer("안녕 👋", "", FinishReason.STOP)


@given(server=st.sampled_from(sorted(STREAMS)), data=st.data())
@settings(max_examples=60, deadline=None)
async def test_any_number_of_splits_gives_the_same_answer(server: str, data: st.DataObject) -> None:
    raw = STREAMS[server].encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)), max_size=40)))
    chunks = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    answer, pieces = await written(chunks)
    assert answer.text == "".join(pieces) == "안녕 👋"


@pytest.mark.parametrize("count", [-1, 2**31, True, 7.0, "7", None])
def test_an_odd_count_of_tokens_costs_no_answer(count: object) -> None:
    usage = json.dumps({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 3}})
    event = read_chat(json.loads(usage))
    assert (event.prompt_tokens, event.completion_tokens) == (None, 3)


async def test_an_endless_event_is_refused() -> None:
    endless = [b'data: {"choices": ["' + b"x" * 1_000_000] * 6
    with pytest.raises(ValueError, match="too long"):
        await written(endless)
