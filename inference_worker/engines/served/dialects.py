"""The request fields of each inference server, in one table.

Sources: the request schemas of text-generation-inference 3 (router/src/lib.rs, validation.rs),
vLLM, SGLang, llama.cpp's server and transformers' ``cli/serving``. The rule: never send a field
that a server refuses (422) or silently misreads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from inference_queue.protocol import SamplingParams


class LoraField(StrEnum):
    """How a request names an adapter."""

    MODEL = "model"  #: by its name in place of the model's
    LORA_PATH = "lora_path"
    SCALES = "lora"  #: by a number and a scale for each adapter of the server


def _unsupported(_penalty: float) -> dict[str, float]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One server's request format."""

    name: str
    title: str  #: the server's usual name
    chat: bool = True  #: the OpenAI chat route; False: TGI's own route for a raw prompt
    model: str = ""  #: what goes in ``model`` instead of the model's name
    repetition: Callable[[float], dict[str, float]] = _unsupported
    top_k_off: int | None = None  #: the value for "no top_k"; None: the field is not sent
    top_p_one: bool = True  #: accepts top_p 1; otherwise it is left out
    max_stop: int | None = None  #: maximum of stop strings
    stop_token_ids: bool = False
    completions: bool = False  #: it has OpenAI's completion route, for texts
    scores: bool = False  #: that route tells the probabilities of tokens, the prompt's too
    token_ids: bool = False  #: its completion route takes the prompt as a list of token ids
    stream_options: bool = True  #: False: usage comes unrequested
    lora: LoraField | None = None  #: None: a request cannot choose an adapter
    lists_adapters: bool = False  #: among its models
    #: The fields that let the model go on in a last message of the assistant; None: it cannot.
    going_on: Mapping[str, bool] | None = None


def _repetition_penalty(penalty: float) -> dict[str, float]:
    # Sent even when 1, because the server's default is the model's generation_config.
    return {"repetition_penalty": penalty}


def _repeat_penalty(penalty: float) -> dict[str, float]:
    return {"repeat_penalty": penalty}


def _presence_less_two(penalty: float) -> dict[str, float]:
    # TGI's chat route has no such field but computes repetition_penalty = presence_penalty + 2.
    return {} if penalty == 1 else {"presence_penalty": round(penalty - 2, 6)}


def _frequency_less_one(penalty: float) -> dict[str, float]:
    # transformers computes repetition_penalty = 1 + frequency_penalty (continuous batching
    # drops it).
    return {} if penalty == 1 else {"frequency_penalty": round(penalty - 1, 6)}


DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        Dialect(
            name="tgi",
            title="text-generation-inference",
            model="tgi",  # any other name would be taken for a LoRA adapter's
            lora=LoraField.MODEL,
            repetition=_presence_less_two,
            top_p_one=False,
            max_stop=4,
        ),
        Dialect(
            name="tgi-generate",
            title="text-generation-inference (raw prompt)",
            chat=False,
            repetition=_repetition_penalty,
            top_p_one=False,
            max_stop=4,
            going_on={},  # the prompt is rendered here
        ),
        Dialect(
            name="vllm",
            title="vLLM",
            lora=LoraField.MODEL,
            lists_adapters=True,
            repetition=_repetition_penalty,
            top_k_off=-1,
            stop_token_ids=True,
            completions=True,
            scores=True,
            token_ids=True,
            # It refuses the first without the second.
            going_on={"continue_final_message": True, "add_generation_prompt": False},
        ),
        Dialect(
            name="sglang",
            title="SGLang",
            lora=LoraField.LORA_PATH,
            repetition=_repetition_penalty,
            top_k_off=-1,
            stop_token_ids=True,
            completions=True,
            scores=True,
            token_ids=True,
            # Without it the assistant's last message becomes the user's.
            going_on={"continue_final_message": True},
        ),
        Dialect(
            name="llamacpp",
            title="llama.cpp",
            lora=LoraField.SCALES,
            completions=True,
            repetition=_repeat_penalty,
            top_k_off=0,
            going_on={},  # it does so unasked
        ),
        Dialect(
            name="transformers",
            title="transformers serve",
            repetition=_frequency_less_one,
            stream_options=False,
        ),
        Dialect(
            name="openai",
            title="an OpenAI-compatible server",
            max_stop=4,
            lora=LoraField.MODEL,
            lists_adapters=True,
        ),
    )
}


def chat_fields(
    dialect: Dialect,
    sampling: SamplingParams,
    *,
    max_new_tokens: int,
    stop: Sequence[str],
    stop_token_ids: Sequence[int] = (),
) -> dict[str, Any]:
    """The sampling as top-level fields of a chat request to that server."""
    fields: dict[str, Any] = {
        "max_tokens": max_new_tokens,
        "temperature": sampling.temperature,
        "stop": list(stop[: dialect.max_stop]),
        **dialect.repetition(sampling.repetition_penalty),
        **_optional(dialect, sampling),
    }
    if dialect.top_k_off is not None:
        fields["top_k"] = sampling.top_k or dialect.top_k_off
    if dialect.stop_token_ids and stop_token_ids:
        fields["stop_token_ids"] = list(stop_token_ids)
    if dialect.stream_options:
        fields["stream_options"] = {"include_usage": True}
    return fields


def generate_fields(
    dialect: Dialect, sampling: SamplingParams, *, max_new_tokens: int, stop: Sequence[str]
) -> dict[str, Any]:
    """The sampling as the parameters of TGI's raw-prompt route; greedy means no temperature."""
    fields: dict[str, Any] = {
        "max_new_tokens": max_new_tokens,
        "do_sample": sampling.temperature > 0,
        "stop": list(stop[: dialect.max_stop]),
        **dialect.repetition(sampling.repetition_penalty),
        **_optional(dialect, sampling),
    }
    if sampling.temperature > 0:
        fields["temperature"] = sampling.temperature
    if sampling.top_k > 0:
        fields["top_k"] = sampling.top_k
    return fields


def _optional(dialect: Dialect, sampling: SamplingParams) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if sampling.top_p < 1 or dialect.top_p_one:
        fields["top_p"] = sampling.top_p
    if sampling.seed is not None:
        fields["seed"] = sampling.seed % 2**31  # TGI refuses negative, the others more than 63 bits
    return fields
