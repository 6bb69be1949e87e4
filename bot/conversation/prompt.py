"""The job of a burst: its messages and its sampling parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Self
from uuid import uuid4

from bot.conversation.bursts import burst_text
from bot.conversation.prompt_date import PromptDate, read_zone
from bot.domain.bot_config import BotConfig, ConfigLookup, nothing_set
from bot.settings import Settings
from bot.store.conversations import ConversationState
from bot.store.history_cache import Exchange, Window, mark, seq_of
from bot.store.prompt_settings import PromptSettings
from bot.store.waiting_turns import WaitingTurn
from bot.text.catalog import TEXTS
from bot.workers import WorkerRegistry
from inference_queue.presets import Preset
from inference_queue.protocol import Job, Message, Picture, Role, SamplingParams

#: Of presets' and scopes' sampling parameters, with the length of a messenger's answers.
MAX_SHORTENED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """A job, and what it was made with."""

    job: Job
    settings: PromptSettings
    config_version: int | None
    history: tuple[int, ...]  #: the seqs of the turns in the prompt, oldest first

    @property
    def preset(self) -> str:
        """The name of the preset."""
        return self.settings.preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads, how it samples, and the preset's name."""

    messages: tuple[Message, ...]
    sampling: SamplingParams
    preset: str
    adapter: str = ""  #: the name of the LoRA weights; "": the model's own


class PromptBuilder:
    """Builds jobs with the preset of the settings or of the workers.

    What is set in the database for the conversation's scope counts before the environment.
    """

    def __init__(
        self,
        *,
        preset: str,
        system_prompt: str,
        max_new_tokens: Mapping[str, int],
        workers: WorkerRegistry,
        picture_prompt: str,
        date: PromptDate | None = None,
        config_for: ConfigLookup = nothing_set,
    ) -> None:
        """``preset``: a name or "auto"; a non-empty ``system_prompt`` replaces the preset's.

        ``picture_prompt``: what the model reads with pictures that came without a text.
        ``date`` fills its placeholders; the preset's prompt stays exact.
        ``max_new_tokens``: the maximum length of answers in tokens, by messenger name.
        """
        self._preset = preset
        self._system_prompt = system_prompt
        self._picture_prompt = picture_prompt
        self._date = date or PromptDate()
        self._max_new_tokens = max_new_tokens
        self._workers = workers
        self._config_for = config_for

    @classmethod
    def configured(
        cls,
        settings: Settings,
        workers: WorkerRegistry,
        *,
        max_new_tokens: Mapping[str, int],
        config_for: ConfigLookup = nothing_set,
    ) -> Self:
        """The builder of a deployment."""
        return cls(
            preset=settings.preset,
            system_prompt=settings.system_prompt,
            max_new_tokens=max_new_tokens,
            workers=workers,
            picture_prompt=TEXTS[settings.language].picture_prompt,
            date=PromptDate(read_zone(settings.timezone), settings.language),
            config_for=config_for,
        )

    def plan(
        self,
        conversation: ConversationState,
        burst: Sequence[WaitingTurn],
        exchanges: Sequence[Exchange],
        pictures: tuple[Picture, ...] = (),
    ) -> PlannedJob:
        """The job that answers the burst's newest turn."""
        config = self._config_for(conversation.messenger, conversation.tenant, conversation.room)
        turn, values = burst[-1], config.values
        name, preset = self._workers.preset(values.preset or self._preset)
        history = _newest(exchanges, values.history_turns)
        settings = PromptSettings(
            preset=name,
            system_prompt=self._system(preset, values),
            sampling=self._sampling(preset.sampling, turn.person.messenger, values),
            picture_prompt=self._pictures_alone(values)
            if pictures and not any(turn.pictures_beside_text for turn in burst)
            else None,
            adapter=values.chosen_adapter or None,
        )
        job = Job(
            id=uuid4(),
            messages=(
                *_messages(settings.system_prompt, history),
                Message(Role.USER, _text(burst, settings.picture_prompt), pictures),
            ),
            sampling=settings.sampling,
            due=turn.reply_handle.due(turn.received_at),
            deadline=turn.expires_at,
            cache_key=f"{conversation.tenant}:{conversation.id}:{conversation.epoch}",
            fairness_key=turn.person.key,
            continues=not pictures and _goes_on(burst, history),
            adapter=values.chosen_adapter,
        )
        return PlannedJob(
            job=job,
            settings=settings,
            config_version=config.version,
            history=tuple(seq_of(exchange.mark) for exchange in history),
        )

    def _pictures_alone(self, values: BotConfig) -> str:
        """What the model reads with pictures that came without a text."""
        return values.texts.get("picture_prompt", self._picture_prompt)

    def _system(self, preset: Preset, values: BotConfig) -> str:
        own = values.system_prompt or self._system_prompt
        return self._date.fill(own) or preset.system_prompt

    def _sampling(
        self, sampling: SamplingParams, messenger: str, values: BotConfig
    ) -> SamplingParams:
        """The preset's sampling, its length limited to the scope's or the messenger's maximum."""
        limit = values.max_new_tokens or self._max_new_tokens.get(messenger)
        if limit is None or sampling.max_new_tokens <= limit:
            return sampling
        return _shortened(sampling, limit)

    def compose(
        self,
        values: BotConfig,
        messenger: str,
        exchanges: Sequence[Exchange],
        question: Message,
    ) -> Prompt:
        """The prompt of a question after the newest exchanges that the settings allow."""
        name, preset = self._workers.preset(values.preset or self._preset)
        history = _newest(exchanges, values.history_turns)
        return Prompt(
            messages=(*_messages(self._system(preset, values), history), question),
            sampling=self._sampling(preset.sampling, messenger, values),
            preset=name,
            adapter=values.chosen_adapter,
        )

    def max_new_tokens(self, messenger: str) -> int | None:
        """The maximum length of the messenger's answers where no scope sets one."""
        return self._max_new_tokens.get(messenger)


@lru_cache(MAX_SHORTENED)  # all values are checked anew, and the same few come with each prompt
def _shortened(sampling: SamplingParams, max_new_tokens: int) -> SamplingParams:
    return replace(sampling, max_new_tokens=max_new_tokens)


def _text(burst: Sequence[WaitingTurn], picture_prompt: str | None) -> str:
    """What the burst asks; in place of a picture's own text what was written beside it."""
    if picture_prompt is None:
        return burst_text(burst)
    return burst_text([turn for turn in burst if not turn.pictures]) or picture_prompt


def _messages(system: str, exchanges: Sequence[Exchange]) -> tuple[Message, ...]:
    """The system prompt and the answered turns of the epoch."""
    messages = [Message(Role.SYSTEM, system)]
    for exchange in exchanges:
        messages.append(Message(Role.USER, exchange.text))
        messages.append(Message(Role.ASSISTANT, exchange.answer))
    return tuple(messages)


def _goes_on(burst: Sequence[WaitingTurn], history: Sequence[Exchange]) -> bool:
    """Whether the burst asks only to go on with the answer that the prompt ends with."""
    cut = burst[-1].continues
    return len(burst) == 1 and bool(history) and history[-1].mark == cut != ""


def _newest(exchanges: Sequence[Exchange], limit: int | None) -> Sequence[Exchange]:
    """The newest exchanges, the oldest of them first; None: all."""
    return exchanges if limit is None else exchanges[max(len(exchanges) - limit, 0) :]


def history_window(conversation: ConversationState, turn: WaitingTurn) -> Window:
    """The history of the turn; empty if a reset followed the turn."""
    same_epoch = turn.epoch == conversation.epoch
    newest = mark(conversation.history_seq, conversation.history_at) if same_epoch else ""
    again = turn.regenerates is not None
    return Window(conversation.id, conversation.epoch, newest, uncached=again)
