"""How an answer is to be written and sent: the fields that both routes share.

What a client leaves out is the preset's. A field that would change the answer and is not known
here is refused, so that no result stands for another; all other unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_queue.protocol import MAX_NEW_TOKENS, ProtocolError, SamplingParams
from inference_worker.api.errors import ApiError
from inference_worker.api.fields import Fields, wrong

_NO_PENALTY = "is not supported: use repetition_penalty."

#: What each unsupported field may be, and the sentence for anything else.
_UNSUPPORTED: Mapping[str, tuple[Sequence[object], str]] = {
    "n": ((1,), "n must be 1: send the request again for another answer."),
    "best_of": ((1,), "best_of must be 1."),
    "prompt_logprobs": ((), "prompt_logprobs is not supported: use echo and logprobs."),
    "presence_penalty": ((0,), f"presence_penalty {_NO_PENALTY}"),
    "frequency_penalty": ((0,), f"frequency_penalty {_NO_PENALTY}"),
    "logit_bias": (({},), "logit_bias is not supported: leave it out."),
    "min_p": ((0,), "min_p is not supported: use top_p."),
    "min_tokens": ((0,), "min_tokens is not supported: leave it out."),
    "ignore_eos": ((False,), "ignore_eos is not supported: an answer ends as in production."),
    "stop_token_ids": (([],), "stop_token_ids is not supported: use stop."),
    "use_beam_search": ((False,), "use_beam_search is not supported: leave it out."),
    "suffix": (("",), "suffix is not supported: leave it out."),
    "tools": (([],), "tools are not supported: leave them out."),
    "functions": (([],), "functions are not supported: leave them out."),
    "tool_choice": (("none", "auto"), "tools are not supported: leave tool_choice out."),
    "response_format": (({"type": "text"},), "response_format must be text."),
    "modalities": ((["text"],), 'modalities must be ["text"].'),
    "audio": ((), "audio is not supported: leave it out."),
    "structured_outputs": (({},), "structured_outputs is not supported: leave it out."),
    "continue_final_message": ((False,), "continue_final_message is not supported."),
    "add_generation_prompt": ((True,), "add_generation_prompt must be true."),
    "chat_template": ((), "chat_template is not supported: the model's own is used."),
    "chat_template_kwargs": (({},), "chat_template_kwargs is not supported: leave it out."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an answer is written, and how it is sent."""

    sampling: SamplingParams
    is_empty: bool  #: nothing is to be written: only the prompt's scores are wanted
    streams: bool
    tells_usage: bool  #: a stream ends with the counts of tokens
    tells_ids: bool  #: the token ids of prompt and answer are sent, too (vLLM's return_token_ids)


def read_options(fields: Fields, *, default: SamplingParams) -> Options:
    """The options of a request. Raises ApiError."""
    _refuse_unsupported(fields)
    streams = fields.flag("stream")
    return Options(
        sampling=_sampling(fields, default),
        is_empty=_wants_nothing(fields),
        streams=streams,
        tells_usage=streams and fields.inner("stream_options").flag("include_usage"),
        tells_ids=fields.flag("return_token_ids"),
    )


def _refuse_unsupported(fields: Fields) -> None:
    for name, (accepted, sentence) in _UNSUPPORTED.items():
        value = fields.get(name)
        if value is not None and value not in accepted:
            raise ApiError(400, sentence, "unsupported", name)


def _sampling(fields: Fields, default: SamplingParams) -> SamplingParams:
    top_k = fields.whole("top_k")
    try:
        return SamplingParams(
            temperature=fields.number("temperature", default.temperature),
            top_p=fields.number("top_p", default.top_p),
            # -1 is vLLM's "off".
            top_k=default.top_k if top_k is None else max(top_k, 0) if top_k >= -1 else top_k,
            repetition_penalty=fields.number("repetition_penalty", default.repetition_penalty),
            max_new_tokens=_max_tokens(fields, default.max_new_tokens),
            stop=fields.texts("stop"),
            seed=fields.whole("seed"),
        )
    except ProtocolError as error:
        sentence = str(error)
        raise ApiError(400, f"{sentence}.", param=sentence.partition(" ")[0]) from None


def _wants_nothing(fields: Fields) -> bool:
    return fields.whole("max_tokens") == 0 and fields.flag("echo")


def _max_tokens(fields: Fields, default: int) -> int:
    if _wants_nothing(fields):
        return 1  # it is computed with the prompt, and left out of the reply
    for name in ("max_completion_tokens", "max_tokens"):
        if (wanted := fields.whole(name)) is not None:
            if not 1 <= wanted <= MAX_NEW_TOKENS:
                raise wrong(name, f"must be from 1 to {MAX_NEW_TOKENS}")
            return wanted
    return default
