"""How probable tokens are to a model, for who asks the worker itself; nothing of it is queued."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from inference_queue.protocol import Completion, Job
from inference_worker.engines.base import Delta, PlainRequest, TokenizedCompletion

#: Alternatives to a token that can be asked for: as many as with OpenAI's chat completions.
MAX_TOP = 20
#: What stands for minus infinity, which JSON has not; vLLM's value.
LEAST = -9999.0

NO_SCORES = (
    "This engine gives no log probabilities: lm_eval's loglikelihood and multiple_choice tasks "
    "cannot run here, generate_until tasks can"
)

TOO_LATE = "The deadline came before the scores."


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedScores:
    """Which tokens: those of the answer, and with ``prompt`` all of the prompt before."""

    top: int = 0  #: most probable tokens at each place
    prompt: bool = False


@dataclass(frozen=True, slots=True)
class Likely:
    """A token and the logarithm of its probability: of the model itself, at temperature 1."""

    text: bytes  #: may be part of a character
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token that was read or written. ``logprob`` None: nothing stands before it."""

    text: bytes
    logprob: float | None
    top: tuple[Likely, ...] = ()  #: falling


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredCompletion(TokenizedCompletion):
    """A completion with the scores of its tokens.

    ``prompt_scores`` are empty where they were not wanted, ``scores`` where the answer was stopped
    from outside (a repetition).
    """

    prompt_text: str = ""  #: what ``prompt_scores`` are of
    prompt_scores: tuple[TokenScore, ...] = ()
    scores: tuple[TokenScore, ...] = ()


@runtime_checkable
class ScoringEngine(Protocol):
    """An engine that also tells how probable tokens are."""

    def score(
        self, asked: Job | PlainRequest, wanted: WantedScores
    ) -> AsyncGenerator[Delta | Completion, None]:
        """As ``generate`` and ``complete``; the completion is a ScoredCompletion.

        Raises EngineError, also where the server behind it does not tell them.
        """
