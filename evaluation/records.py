"""What a run keeps: its manifest, every answer, every judgement."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from inference_queue.protocol import FinishReason

FORMAT: Literal[1] = 1


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Sampled(_Kept):
    """How answers were sampled."""

    temperature: float
    top_p: float
    top_k: int
    repetition_penalty: float
    max_new_tokens: int


class EngineUsed(_Kept):
    """The engine that answered, as it described itself."""

    asked_for: str  #: the URL without credentials, or the preset
    model: str
    preset: str
    adapter: str = ""
    context_window: int | None = None
    demo: bool = False
    system_prompt: str
    sampling: Sampled


class JudgeUsed(_Kept):
    """The judge, and which prompt of ours it got."""

    url: str  #: without credentials
    model: str
    prompt_version: int
    seed: int


class Asked(_Kept):
    """The questions of a run."""

    name: str
    sha256: str
    digest: str
    questions: int
    repeated: int = 0


class Manifest(_Kept):
    """What a run is of; a run goes on only under the same one."""

    format: Literal[1] = FORMAT
    version: str  #: of this project
    created_at: datetime
    seed: int
    asked: Asked
    engine: EngineUsed


class Answer(_Kept):
    """An answer to one turn; ``failure``: why there is none."""

    question: str
    turn: int  #: from 0
    text: str = ""
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    dropped_messages: int = 0
    total_ms: float | None = None
    failure: str = ""


class NotJudged(StrEnum):
    """Why a judge's word does not count."""

    UNREACHABLE = "unreachable"
    SLOW = "slow"
    SERVER_ERROR = "server_error"  #: 429 and 5xx
    REFUSED = "refused"  #: 4xx, or the model declines
    MALFORMED = "malformed"  #: not the form of an OpenAI answer
    NO_NUMBER = "no_number"
    OUT_OF_SCALE = "out_of_scale"
    AMBIGUOUS = "ambiguous"  #: more than one verdict
    CUT = "cut"  #: the judge's answer ended by its limit of length

    @property
    def is_outage(self) -> bool:
        """It says nothing about the answer: it is asked again in the next run."""
        return self in (NotJudged.UNREACHABLE, NotJudged.SLOW, NotJudged.SERVER_ERROR)


class Score(_Kept):
    """The judge's score of one answer, from 1 to 10; ``reason``: why there is none."""

    question: str
    turn: int
    score: float | None = None
    reason: NotJudged | None = None
    said: str = ""  #: the end of what the judge wrote


class PairScore(_Kept):
    """The judge's scores of two answers in one order."""

    question: str
    of: str  #: a digest of both answers: others are judged anew
    swapped: bool  #: the candidate stood first
    baseline: float | None = None
    candidate: float | None = None
    reason: NotJudged | None = None
    said: str = ""


class ComparisonManifest(_Kept):
    """What a comparison is of; it goes on only under the same one."""

    format: Literal[1] = FORMAT
    version: str
    created_at: datetime
    seed: int
    asked: Asked
    baseline: str
    candidate: str
    judge: JudgeUsed | None
