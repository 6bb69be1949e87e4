"""Replays: answered turns that are asked again otherwise, to compare both answers blindly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any

from inference_queue.background.protocol import Target
from inference_queue.protocol import SamplingParams


class ReplayState(StrEnum):
    """How far a replay is."""

    COLLECTING = "collecting"  #: its turns are being found
    RUNNING = "running"
    STOPPED = "stopped"  #: by an operator, who may resume it
    ENDED = "ended"


class ItemState(StrEnum):
    """How far one turn of a replay is."""

    WAITING = "waiting"
    QUEUED = "queued"  #: in the background lane
    ANSWERED = "answered"
    FAILED = "failed"


class Unaskable(StrEnum):
    """Why a turn is not asked again."""

    PICTURES = "pictures"  #: a picture belongs to the question, and is not kept
    UNANSWERED = "unanswered"  #: there is no answer to compare with


class Preference(StrEnum):
    """What a vote says of the old and the new answer."""

    OLD = "old"
    NEW = "new"
    TIE = "tie"
    BOTH_BAD = "both_bad"

    @property
    def score(self) -> float:
        """Of the new answer: 1 where it is preferred, 0 where the old one is, else a half."""
        return {Preference.NEW: 1.0, Preference.OLD: 0.0}.get(self, 0.5)


class Side(StrEnum):
    """What a reviewer chooses, who does not know which answer is which."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both_bad"


def new_stands_left(seed: int, position: int) -> bool:
    """The coin of an item: the same for every reviewer and visit, and unknown without the seed."""
    return bool(sha256(f"{seed}:{position}".encode()).digest()[0] & 1)


def preference(side: Side, *, new_left: bool) -> Preference:
    """What the choice of a side means."""
    if side in (Side.TIE, Side.BOTH_BAD):
        return Preference(side.value)
    return Preference.NEW if (side is Side.LEFT) is new_left else Preference.OLD


def side_of(preferred: Preference, *, new_left: bool) -> Side:
    """The side that was chosen."""
    if preferred in (Preference.TIE, Preference.BOTH_BAD):
        return Side(preferred.value)
    return Side.LEFT if (preferred is Preference.NEW) is new_left else Side.RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What is other than the first time; None: as it was then.

    ``preset`` gives the sampling, and the system prompt unless ``system_prompt`` does.
    """

    target: Target = field(default_factory=Target)
    preset: str | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_new_tokens: int | None = None
    seed: int | None = None  #: of the sampling

    def applied_to(self, sampling: SamplingParams) -> SamplingParams:
        """The sampling with what is set here."""
        wanted: dict[str, Any] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_new_tokens": self.max_new_tokens,
            "seed": self.seed,
        }
        return replace(sampling, **{k: v for k, v in wanted.items() if v is not None})

    def dump(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {
            "model": self.target.model,
            "engine": self.target.engine,
            "adapter": self.target.adapter,
            "preset": self.preset,
            "system_prompt": self.system_prompt,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "max_new_tokens": self.max_new_tokens,
            "seed": self.seed,
        }

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> ReplayOptions:
        """From what ``dump`` made; unknown names are those of a newer bot."""
        target = Target(
            model=stored.get("model"), engine=stored.get("engine"), adapter=stored.get("adapter")
        )
        names = ("preset", "system_prompt", "temperature", "top_p", "max_new_tokens", "seed")
        return cls(target=target, **{name: stored.get(name) for name in names})
