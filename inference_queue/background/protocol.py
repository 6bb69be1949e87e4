"""Background jobs, the workers they want, and their results; wire.py has their JSON.

A job that generates is a ``Job`` of the live protocol, without due time and deadline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from inference_queue.protocol import Completion, Failure, Job, Message, ProtocolError, Role


class BackgroundKind(StrEnum):
    """What a background job asks for."""

    GENERATE = "generate"  #: an answer to messages
    SEE = "see"  #: an answer to messages with pictures
    RENDER = "render"  #: the text and token counts of messages and a given answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The workers that may take a job, by what they publish of themselves; None: any."""

    model: str | None = None
    preset: str | None = None
    engine: str | None = None
    adapter: str | None = None  #: "": a model without one

    def matches(self, *, model: str, preset: str, engine: str, adapters: Sequence[str]) -> bool:
        """Whether a worker that publishes these values is meant; ``adapters`` as in an Offer."""
        pairs = ((self.model, model), (self.preset, preset), (self.engine, engine))
        is_meant = all(wanted is None or wanted == offered for wanted, offered in pairs)
        return is_meant and (self.adapter is None or self.adapter in adapters)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """A request to render messages and the answer to them as a model's chat template does."""

    id: UUID
    messages: tuple[Message, ...]  #: the prompt; the last one is the user's
    completion: str

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role is not Role.USER:
            raise ProtocolError("the last message must be the user's")
        if any(message.pictures for message in self.messages):
            raise ProtocolError("messages with pictures cannot be rendered")
        if not isinstance(self.completion, str):
            raise ProtocolError("completion must be text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """Messages and an answer as the model's chat template and tokenizer have them.

    ``is_consistent``: the prompt's tokens, up to the header that lets the assistant speak, are the
    beginning of the whole's. Trainers mask the prompt by that count.
    ``markers``: control tokens that stand in the contents as text, and would be read as control
    tokens by a trainer.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int  #: of the whole behind the prompt, with the token that ends the turn
    is_consistent: bool
    markers: tuple[str, ...] = ()
    model: str = ""
    context_window: int | None = None  #: tokens; None: unknown

    def __post_init__(self) -> None:
        words = (self.text, self.model, *self.markers)
        if not all(isinstance(one, str) for one in words):
            raise ProtocolError("text, model and markers must be text")
        window = 0 if self.context_window is None else self.context_window
        if not all(_is_count(n) for n in (self.prompt_tokens, self.completion_tokens, window)):
            raise ProtocolError("counts must be whole numbers")
        if not isinstance(self.is_consistent, bool):
            raise ProtocolError("is_consistent must be true or false")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A worker's result that is none; it never crosses the wire."""

    message: str  #: for the operator: what is wrong, without a word of the result


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


BackgroundJob = Job | RenderJob
BackgroundResult = Completion | Rendering | Failure


def kind_of(job: BackgroundJob) -> BackgroundKind:
    """The kind of a job."""
    if isinstance(job, RenderJob):
        return BackgroundKind.RENDER
    return BackgroundKind.SEE if job.has_pictures else BackgroundKind.GENERATE
