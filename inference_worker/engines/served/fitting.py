"""The prompt of a job for a connection: by the model's tokenizer, or by an estimate."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from inference_queue.presets import PRESETS
from inference_queue.protocol import FailureReason, Job
from inference_worker.engines.base import PlainRequest
from inference_worker.engines.served.connection import Connection
from inference_worker.engines.served.estimated_prompt import Prompt, fit
from inference_worker.engines.served.refused_size import RefusedSize
from inference_worker.errors import EngineError
from inference_worker.prompt.encoding import check_plain
from inference_worker.prompt.open_answer import opened
from inference_worker.prompt.system_role import fold_system

#: The window that is tried once the server refused a prompt without saying its own.
SMALLER_WINDOW = 0.75
MIN_WINDOW = 256
#: No vocabulary is larger; the server knows its own.
MAX_TOKEN_ID = 2**20


async def fit_job(connection: Connection, job: Job) -> Prompt:
    """The newest turns that leave room for the answer. Raises EngineError."""
    backend, card, encoder = connection.backend, connection.card, connection.encoder
    if encoder is not None:
        return await asyncio.to_thread(
            encoder.fit, job, context_window=_window(connection), goes_on=connection.goes_on
        )
    messages = opened(job) if job.continues and connection.goes_on else job.messages
    prompt = fit(
        messages if connection.takes_system else fold_system(messages),
        job.sampling.max_new_tokens,
        context_window=card.context_window,
        max_input=backend.max_input,
    )
    return replace(prompt, markers=connection.typed_markers)


async def plain_prompt(connection: Connection, plain: PlainRequest) -> Prompt:
    """A plain text, or its token ids, with nothing left out. Raises EngineError."""
    dialect, given, wanted = connection.backend.dialect, plain.prompt, plain.sampling.max_new_tokens
    if not (dialect.completions if isinstance(given, str) else dialect.token_ids):
        kind = "plain texts" if isinstance(given, str) else "prompts of token ids"
        raise EngineError(
            FailureReason.INVALID_JOB, f"{dialect.title} takes no {kind}: use chat completions"
        )
    if isinstance(given, str):
        if connection.encoder is None:
            return Prompt(messages=(), max_new_tokens=wanted, text=given)
        given = tuple(await asyncio.to_thread(connection.encoder.template.encode_text, given))
    window = _window(connection)
    check_plain(given, vocabulary=MAX_TOKEN_ID + 1, window=window)
    return Prompt(messages=(), max_new_tokens=min(wanted, window - len(given)), ids=given)


async def fit_shorter(
    connection: Connection, job: Job, refused: Prompt, size: RefusedSize
) -> Prompt | None:
    """A prompt to try once the server refused one as too long; None where there is none left."""
    encoder = connection.encoder
    if encoder is None:
        return refused.shorter(size)
    used = len(refused.ids) + refused.max_new_tokens
    window = size.allowed if 0 < size.allowed < used else int(used * SMALLER_WINDOW)
    if window < MIN_WINDOW:
        return None
    try:
        return await asyncio.to_thread(
            encoder.fit, job, context_window=window, goes_on=connection.goes_on
        )
    except EngineError as error:
        if error.failure.reason is FailureReason.PROMPT_TOO_LONG:
            return None
        raise


def _window(connection: Connection) -> int:
    card = connection.card
    return card.context_window or PRESETS[card.preset].context_window
