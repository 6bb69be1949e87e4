"""The messages between the engine's event loop and the thread that runs the model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from inference_queue.protocol import Failure, FinishReason, SamplingParams
from inference_worker.engines.base import Delta

if TYPE_CHECKING:
    from torch import Tensor

    from inference_worker.engines.local.token_scorer import RawScore
    from inference_worker.engines.local.vision import Pixels
    from inference_worker.engines.token_scores import WantedScores


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer."""

    reason: FinishReason
    text: str
    tokens: int  #: written, the end token included
    ids: tuple[int, ...] = ()  #: those behind the last Delta's
    scores: tuple[RawScore, ...] = ()  #: of the tokens from the second on, where they are wanted


Event = Delta | Finished | Failure


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """An answer to write. ``publish`` is called in the scheduler's thread, last with Finished."""

    prompt: list[int]
    sampling: SamplingParams
    max_new_tokens: int
    publish: Callable[[Event], None]
    cache_key: str = ""  #: the conversation whose computed prefix may be used
    adapter: str = ""  #: the name of the LoRA weights that it is written with
    deadline: float = math.inf  #: on the clock of time.monotonic
    cancelled: bool = False
    unseen: list[Pixels] = field(default_factory=list)  #: the pictures still to be looked at
    seen: list[Tensor] = field(default_factory=list)  #: what was seen, in the pictures' order
    wanted: WantedScores | None = None  #: how probable its tokens are

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self.deadline
