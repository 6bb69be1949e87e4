"""Prompts as token ids, for servers that take them: user text can never be a control token.

The worker renders the model's own template and counts its tokens; the contents are encoded apart
from the template (chat_template.py). The route is OpenAI's old completion route, whose ``prompt``
may be a list of ids at vLLM and SGLang (their CompletionRequest).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inference_queue.protocol import FailureReason, Job
from inference_worker.answer.families import ALL_END_MARKERS
from inference_worker.engines.served.estimated_prompt import Prompt
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.encoding import fit_and_encode
from inference_worker.prompt.stop_tokens import stop_token_ids


@dataclass(frozen=True, slots=True)
class Encoder:
    """The template of the model that a server runs, and the tokens that end its turn."""

    template: ChatTemplate
    stop_ids: tuple[int, ...]
    end_markers: tuple[str, ...]  #: their text, and that of the tokens that begin a turn

    def fit(self, job: Job, *, context_window: int, goes_on: bool) -> Prompt:
        """The prompt of the newest turns that leave room for the answer. Raises EngineError."""
        wanted = job.sampling.max_new_tokens
        fitted, ids = fit_and_encode(
            self.template,
            job,
            window=context_window,
            max_new_tokens=wanted,
            goes_on=goes_on,
        )
        return Prompt(
            messages=fitted.messages,
            max_new_tokens=min(wanted, context_window - len(ids)),
            dropped=fitted.dropped,
            cut_chars=fitted.cut_chars,
            ids=tuple(ids),
        )


def load_encoder(name: str) -> Encoder:
    """From a directory or hub id. Blocks for seconds. Raises EngineError."""
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415 - seconds
    except ImportError as error:
        raise _unusable(name, "needs transformers: pip install -e '.[tokenizer]'") from error
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # the library raises any exception
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise _unusable(name, f"cannot be loaded: {reason}") from error
    if not tokenizer.is_fast or not tokenizer.chat_template:
        raise _unusable(name, "has no chat template")
    stop_ids = sorted(stop_token_ids(tokenizer))
    own = set(tokenizer.get_vocab())
    markers = [*tokenizer.convert_ids_to_tokens(stop_ids), *own.intersection(ALL_END_MARKERS)]
    return Encoder(ChatTemplate(tokenizer), tuple(stop_ids), tuple(dict.fromkeys(markers)))


def _unusable(name: str, what: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, f"Check WORKER_TOKENIZER: {name} {what}.")
