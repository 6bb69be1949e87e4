"""The engine stand-in's switches and memory, and the requests that it got."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

#: How an answer is sent: server-sent events, those without a space and with CRLF, with their data
#: over several lines and comments between, JSON lines, or one JSON object.
FORMS = ("events", "tight", "spread", "lines", "json")

Messages = list[dict[str, Any]]
Json = dict[str, Any]

DEFAULT_MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
DIALECTS = ("vllm", "tgi", "sglang", "llamacpp", "transformers", "openai")

#: The fields of each dialect's chat route; with ``strict`` any other is answered 422.
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
    "vllm": VLLM_FIELDS | {"continue_final_message", "add_generation_prompt"},
    "sglang": VLLM_FIELDS | {"continue_final_message", "lora_path"},
    "llamacpp": OPENAI_FIELDS | {"repeat_penalty", "top_k", "min_p", "cache_prompt", "lora"},
}


def echo(messages: Messages) -> str:
    """The default reply: the last user message, so that answers can be told apart."""
    return f"에코: {last_user_text(messages)}"


def last_user_text(messages: Messages) -> str:
    return next((content_text(m) for m in reversed(messages) if m["role"] == "user"), "")


def content_text(message: Json) -> str:
    """The text of a message; its pictures as what is seen of them, such as "사진 64x48"."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return " ".join(_part_text(part) for part in content)


def pictures_of(message: Json) -> list[Image.Image]:
    """The pictures of a message. Raises ValueError for one that is no JPEG in a data URL."""
    parts = message["content"] if isinstance(message["content"], list) else []
    return [_picture(part) for part in parts if part["type"] == "image_url"]


def _part_text(part: Json) -> str:
    if part["type"] == "text":
        return str(part["text"])
    picture = _picture(part)
    return f"사진 {picture.width}x{picture.height}"


def _picture(part: Json) -> Image.Image:
    head, _, data = part["image_url"]["url"].partition(",")
    if head != "data:image/jpeg;base64":
        raise ValueError("only a JPEG in a data URL is read here")
    picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=["JPEG"])
    picture.load()
    return picture


@dataclass(frozen=True)
class Request:
    """One generation request, as received."""

    path: str
    body: Json
    authorization: str | None

    @property
    def messages(self) -> Messages:
        """The chat; a raw Llama-3 prompt is parsed into one."""
        if "messages" in self.body:
            return list(self.body["messages"])
        if "prompt" in self.body:
            prompt = self.body["prompt"]
            text = prompt if isinstance(prompt, str) else " ".join(map(str, prompt))
            return [{"role": "user", "content": text}]
        return read_llama3(self.body["inputs"])

    @property
    def roles(self) -> list[str]:
        return [message["role"] for message in self.messages]

    @property
    def contents(self) -> list[str]:
        return [content_text(message) for message in self.messages]

    @property
    def pictures(self) -> list[Image.Image]:
        """The pictures of all messages, decoded."""
        return [picture for message in self.messages for picture in pictures_of(message)]


@dataclass
class EngineServer:
    """The server's switches and its memory. Times are seconds."""

    dialect: str = "vllm"
    model: str = DEFAULT_MODEL
    reply: Callable[[Messages], str] = echo
    context_window: int = 8192
    api_key: str = ""  #: required if not empty
    delay_per_token_s: float = 0.0
    tell_model: bool = True  #: False: /v1/models fails, as with transformers serve
    bare_list: bool = False  #: /v1/models is a list, as at Together
    strict: bool = False  #: 422 for unknown fields
    usage: str = "asked"  #: asked (empty choices) | always (with the last choice) | never
    finish_reason: str = ""  #: instead of stop or length
    pieces: list[Any] | None = None  #: the answer's chunks, instead of the reply
    done: bool = True  #: the chat route ends with [DONE]
    origin: str = ""  #: the model behind the name, as /v1/models tells it
    api: str = "/v1"  #: the path of the OpenAI routes
    form: str = "events"  #: of the response; see FORMS
    reasoning: str = ""  #: streamed before the answer, in a field of its own
    reasoning_field: str = "reasoning_content"
    takes_system: bool = True  #: False: the chat template refuses a system message
    takes_prefill: bool = True  #: False: the model thinks first, and goes on in no message
    density: float = 0.5  #: tokens for a character
    says_counts: bool = True  #: refusals of long prompts give the tokens
    vision: bool = False  #: the chat route takes pictures; llama.cpp and SGLang say so
    adapters: tuple[str, ...] = ()  #: LoRA weights beside the model; llama.cpp numbers their files

    # Faults
    loading: int = 0  #: number of requests still answered 503
    overloaded: int = 0  #: number of generations still answered 429
    fails_with: tuple[int, Any] | None = None  #: status and JSON (or text) for every generation
    max_prompt_tokens: int | None = None  #: beyond: 400, or 422 of TGI
    cut_after: int | None = None  #: the connection is aborted after this many chunks
    silent_after: int | None = None  #: silence after this many chunks; 0: before the headers
    keep_alive: bool = False  #: comments during the silence, as TGI sends them
    error_after: int | None = None  #: an error event after this many chunks
    split_bytes: bool = False  #: every event in two writes, split within a character

    # Memory
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    started: int = 0
    finished: int = 0
    aborted: int = 0  #: by the client, or by a fault

    @property
    def running(self) -> int:
        return self.started - self.finished - self.aborted

    async def until(self, holds: Callable[[EngineServer], bool], within_s: float = 30.0) -> None:
        """Wait until it holds, such as ``lambda s: s.aborted == 1``."""
        async with asyncio.timeout(within_s):
            while not holds(self):
                await asyncio.sleep(0.005)


def adapter_of(server: EngineServer, body: Json) -> str:
    """The adapter that a request is answered with; "": the model alone.

    llama.cpp applies all of them where the request does not say.
    """
    if server.dialect == "sglang":
        return str(body.get("lora_path") or "")
    if server.dialect == "llamacpp":
        scales = {one["id"]: one["scale"] for one in body["lora"]} if "lora" in body else None
        applied = [
            name
            for number, name in enumerate(server.adapters)
            if scales is None or scales.get(number, 0) > 0
        ]
        return "+".join(applied)
    return body["model"] if body.get("model") in server.adapters else ""


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """Half a token per character: about right for Llama-3 and Korean."""
    if "prompt" in body:
        return len(body["prompt"])
    if "inputs" in body:
        return len(body["inputs"]) // 2
    return sum(len(content_text(message)) for message in body["messages"]) // 2


def usage_of(prompt: int, completion: int) -> Json:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def read_llama3(prompt: str) -> Messages:
    """The chat of a rendered Llama-3 prompt, up to the open header at its end."""
    turn = re.compile(
        r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)<\|eot_id\|>", re.DOTALL
    )
    return [{"role": role, "content": content} for role, content in turn.findall(prompt)]
