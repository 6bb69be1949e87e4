"""A server that has been reached: what it serves, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from inference_queue.presets import DEFAULT_PRESET, PRESETS
from inference_worker.answer.families import Family, end_markers, family_of, typed_markers
from inference_worker.answer.reasoning import ThinkingHabit
from inference_worker.engines.base import ModelCard, Vision
from inference_worker.engines.served.adapters import adapter_fields, offered_adapters
from inference_worker.engines.served.bounded_wait import BoundedWaits
from inference_worker.engines.served.discovery import Backend
from inference_worker.engines.served.endpoint import Endpoint, EndpointSettings
from inference_worker.engines.served.errors import unavailable
from inference_worker.engines.served.event_stream import EventStreams
from inference_worker.engines.served.token_id_prompt import Encoder
from inference_worker.prompt.chat_template import KNOWN_MARKERS
from inference_worker.prompt.stop_tokens import guessed_stop_token_ids, is_llama3
from inference_worker.prompt.system_role import SystemRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A server that has been reached: what it serves, and how it is asked."""

    settings: EndpointSettings
    endpoint: Endpoint
    backend: Backend
    card: ModelCard
    encoder: Encoder | None  #: the model's tokenizer, where the prompt goes as token ids
    stop_tokens: tuple[str, ...]  #: the preset's, unless the model is of another family
    stop_token_ids: tuple[int, ...]
    end_markers: tuple[str, ...]  #: control strings that end an answer, should the server show them
    typed_markers: tuple[str, ...]  #: control strings that are broken in what people type
    habit: ThinkingHabit
    takes_system: bool  #: False: the system's text goes into the first user message
    waits: BoundedWaits
    streams: EventStreams

    @property
    def lacking(self) -> str:
        """Which adapters of the settings the server does not have, as a sentence; "": none."""
        lacking = sorted(self.settings.adapters.keys() - set(self.card.adapters))
        if not lacking:
            return ""
        why = "takes no adapters by request" if self.backend.dialect.lora is None else "has none"
        return f"{self.backend.dialect.title} {why} called {', '.join(lacking)}: no job gets them."

    def adapter_fields(self, chosen: str) -> dict[str, Any]:
        """The fields of a request that choose an adapter; "": the model alone."""
        backend = self.backend
        return adapter_fields(self.settings.adapters, backend.dialect, backend.adapters, chosen)

    @property
    def goes_on(self) -> bool:
        """Whether the model can go on in an answer that was cut, as far as is known.

        Where it may think first it would think again, or its server would take the rest of the
        answer for reasoning.
        """
        return self.backend.dialect.going_on is not None and self.habit.begins_inside is False


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is known of the model, and by what: for the settings, the stop tokens, the operator."""

    preset: str  #: a key of PRESETS
    preset_by: str  #: what told it; empty: it is a guess
    is_named: bool  #: the model's own name told it
    family: Family | None  #: None: unknown

    @property
    def fits_preset(self) -> bool:
        """Whether the preset's stop tokens can be the model's."""
        return bool(self.preset_by) or self.family in (None, Family.LLAMA3)

    def sentence(self, backend: Backend) -> str:
        """What was recognised and what was guessed."""
        model = f"{backend.model} ({backend.origin})" if backend.origin else backend.model
        parts = [f"It serves {model}: {backend.dialect.title} by {backend.recognised_by}."]
        if self.preset_by:
            parts.append(f"Preset {self.preset} by {self.preset_by}.")
        else:
            parts.append(
                f"Preset {self.preset} is a guess, and no stop token ids are sent: "
                "no preset has this name. WORKER_PRESET says which one suits."
            )
        if self.family is None:
            parts.append("The family is unknown: an answer ends at any family's end marker.")
        return " ".join(parts)


def identify(backend: Backend, settings: EndpointSettings) -> Identity:
    """What the names of the model say; the settings where they say nothing."""
    names = {
        "the model's name": backend.model,
        "the model behind the alias": backend.origin,
        "WORKER_MODEL": settings.model,
    }
    told = {by: key for by, name in names.items() if (key := _preset_of(name))}
    by = next(iter(told), "")
    if by:
        preset = told[by]
    else:
        preset, by = settings.preset or DEFAULT_PRESET, "WORKER_PRESET" if settings.preset else ""
    family = family_of(names.values())
    if family is None and by:
        family = Family.LLAMA3 if is_llama3(PRESETS[preset]) else Family.CHATML
    return Identity(preset=preset, preset_by=by, is_named=bool(told), family=family)


def connect(
    settings: EndpointSettings,
    endpoint: Endpoint,
    backend: Backend,
    encoder: Encoder | None,
    waits: BoundedWaits,
    streams: EventStreams,
) -> Connection:
    """The connection to a backend. Raises EngineError where it cannot be asked."""
    identity = identify(backend, settings)
    preset = PRESETS[identity.preset]
    if not backend.dialect.chat and not is_llama3(preset):
        what = f"gets no Llama-3 prompt for the preset {identity.preset!r}"
        raise unavailable(endpoint.address, what)
    habit = ThinkingHabit(False if identity.is_named else None)
    if encoder is not None:
        habit = ThinkingHabit(encoder.template.opens_reasoning)
    known = encoder.end_markers if encoder else ()
    return Connection(
        settings=settings,
        endpoint=endpoint,
        backend=backend,
        card=replace(
            _card(backend, identity, vision=_sees(settings, backend, identity, encoder)),
            adapters=offered_adapters(settings.adapters, backend.dialect, backend.adapters),
        ),
        encoder=encoder,
        # Where the preset is only a guess the ids may be ordinary tokens of another model.
        stop_token_ids=guessed_stop_token_ids(preset) if identity.preset_by else (),
        stop_tokens=preset.stop_tokens if identity.fits_preset else (),
        end_markers=known or end_markers(identity.family),
        typed_markers=tuple(dict.fromkeys((*KNOWN_MARKERS, *typed_markers(identity.family)))),
        habit=habit,
        takes_system=settings.system_role is not SystemRole.NO,
        waits=waits,
        streams=streams,
    )


def _sees(
    settings: EndpointSettings, backend: Backend, identity: Identity, encoder: Encoder | None
) -> bool:
    """Whether pictures can be sent: only the chat route takes them."""
    known = bool(identity.preset_by) and PRESETS[identity.preset].vision
    is_auto = settings.vision is Vision.AUTO
    wanted = backend.vision or known if is_auto else settings.vision is Vision.TRUE
    return wanted and backend.dialect.chat and encoder is None


def _card(backend: Backend, identity: Identity, *, vision: bool) -> ModelCard:
    preset = PRESETS[identity.preset]
    window = preset.context_window if identity.preset_by else None
    is_alias = identity.preset_by == "the model behind the alias"
    return ModelCard(
        name=backend.origin if is_alias else backend.model,
        preset=identity.preset,
        context_window=backend.context_window or window,
        demo=preset.demo,
        vision=vision,
    )


def _preset_of(model: str) -> str:
    """The preset of a model by its name or path; quantised builds carry a suffix."""
    name = PurePosixPath(model).name.casefold()
    for key, preset in PRESETS.items():
        known = PurePosixPath(preset.model).name.casefold()
        if name in (key, known) or name.startswith((f"{known}-", f"{known}.", f"{known}_")):
            return key
    return ""
