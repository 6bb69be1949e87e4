"""One answer of the local engine, from its prompt to its completion."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from inference_queue.protocol import Completion, Failure, FailureReason, Job
from inference_worker.engines.base import Delta, PlainRequest
from inference_worker.engines.local.generated_text import GeneratedText
from inference_worker.engines.local.loaded_model import Encoded, LoadedModel
from inference_worker.engines.local.request import Event, Finished
from inference_worker.engines.local.told_scores import told
from inference_worker.engines.token_scores import TOO_LATE, ScoredCompletion, WantedScores
from inference_worker.errors import EngineError


@dataclass(slots=True)
class Writing:
    """A prompt, and what is written behind it."""

    prompt: Encoded
    output: GeneratedText
    wanted: WantedScores | None = None

    def lacks_scores(self, end: Finished) -> bool:
        """Whether it ended before all of a prompt was scored, with the token behind it."""
        wants_prompt = self.wanted is not None and self.wanted.prompt
        return wants_prompt and len(end.scores) < len(self.prompt.ids)

    def completion(self, model: LoadedModel, name: str, end: Finished) -> ScoredCompletion:
        """The answer at its end."""
        written = self.output.answer.written(end.reason)
        ids = (*self.output.ids, *end.ids)
        of_prompt, of_answer = told(model.tokenizer, self.prompt.ids, ids, end.scores, self.wanted)
        return ScoredCompletion(
            text=written.text,
            reasoning=written.reasoning,
            finish_reason=written.finish_reason,
            model=name,
            prompt_tokens=len(self.prompt.ids),
            completion_tokens=end.tokens,
            dropped_messages=self.prompt.fitted.dropped,
            cut_chars=self.prompt.fitted.cut_chars,
            first_token_ms=self.output.first_token_ms,
            total_ms=self.output.elapsed_ms(),
            prompt_ids=tuple(self.prompt.ids),
            ids=ids,
            prompt_text=b"".join(one.text for one in of_prompt).decode("utf-8", "replace"),
            prompt_scores=of_prompt,
            scores=of_answer,
        )


async def write(
    model: LoadedModel, job: Job | PlainRequest, writing: Writing
) -> AsyncGenerator[Delta | Completion, None]:
    """Yield the answer in pieces, then its completion. Raises EngineError."""
    output, deadline = writing.output, time.monotonic() + job.remaining_s()
    events: asyncio.Queue[Event] = asyncio.Queue()
    request = model.request(job, writing.prompt, deadline=deadline, events=events)
    request.wanted = writing.wanted
    model.scheduler.submit(request)
    end: Finished | None = None
    try:
        while not (end or output.is_over):
            match await events.get():
                case Failure() as failure:
                    raise EngineError(failure.reason, failure.message, retryable=failure.retryable)
                case Finished() as end:
                    pass
                case Delta() as written_delta if delta := output.take(written_delta):
                    yield delta
    finally:
        model.scheduler.cancel(request)  # stops it where the model repeats itself
    end = end or output.stopped()
    if writing.lacks_scores(end):  # the sum of a part would be taken for that of all
        raise EngineError(FailureReason.EXPIRED, TOO_LATE)
    if delta := output.flush(end.reason):
        yield delta
    name = model.card.answered_by(job.adapter)
    if writing.wanted is None:
        yield writing.completion(model, name, end)
    else:  # the texts of thousands of tokens
        yield await asyncio.to_thread(writing.completion, model, name, end)
