"""The job that asks a past turn again: its exact messages, except what the replay changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.configs.effective import effective
from bot.conversation.prompt_date import PromptDate
from bot.domain.bot_config import BotConfig, Scope
from bot.domain.replays import ReplayOptions
from bot.store.replays.asked import AskedTurn, asked_turns
from bot.store.replays.kept_pictures import Shown, find_shown, seeing_turns
from inference_queue.presets import DEFAULT_PRESET, PRESETS, Preset
from inference_queue.protocol import Job, Message, ProtocolError, Role, SamplingParams

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDefaults:
    """The environment's part in prompts, as it is now: for turns without a record of theirs."""

    preset: str
    system_prompt: str
    history_turns: int
    max_new_tokens: Mapping[str, int]  #: by messenger
    date: PromptDate


class PastPrompts:
    """Builds jobs like those of then, of what was recorded of each prompt.

    Turns that are older than records are put together from their settings' version and the log.
    """

    def __init__(self, defaults: PromptDefaults) -> None:
        self._defaults = defaults

    async def jobs(
        self, connection: AsyncConnection, turn_ids: Sequence[UUID], options: ReplayOptions
    ) -> dict[UUID, Job]:
        """A job by turn; turns that make no job, are erased, or lack pictures, have none."""
        asked = await asked_turns(connection, turn_ids, max_turns=self._defaults.history_turns)
        seeing = await seeing_turns(connection, list(asked))
        shown = await find_shown(connection, [turn for turn, kept in seeing.items() if kept])
        configs: dict[tuple[Scope, int | None], BotConfig] = {}
        jobs = {}
        for turn_id, turn in asked.items():
            if seeing.get(turn_id) is False:
                continue  # without its pictures the answer would be about something else
            key = (turn.scope, turn.config_version)
            if key not in configs:
                configs[key] = await _config_of(connection, turn)
            try:
                jobs[turn_id] = self.job(turn, configs[key], options, shown.get(turn_id, Shown()))
            except ProtocolError as error:
                log.warning("turn_not_asked_again", turn_id=str(turn_id), reason=str(error))
        return jobs

    def job(self, turn: AskedTurn, config: BotConfig, options: ReplayOptions, shown: Shown) -> Job:
        """The job of one turn, with the settings that counted for it."""
        preset = self._preset(turn, options)
        # What was recorded is whole.
        limit = None if turn.settings else config.history_turns
        history = _newest(turn.history, limit)
        messages = [Message(Role.SYSTEM, self._system(turn, preset, config, options))]
        for question, answer in history:
            messages += [Message(Role.USER, question), Message(Role.ASSISTANT, answer)]
        return Job(
            id=uuid4(),
            messages=(*messages, Message(Role.USER, _question(turn, shown), shown.pictures)),
            sampling=self._sampling(turn, preset, config, options),
            continues=not shown.pictures and turn.goes_on and bool(history),
            adapter=(turn.settings.adapter if turn.settings else config.chosen_adapter) or "",
        )

    def _preset(self, turn: AskedTurn, options: ReplayOptions) -> Preset:
        recorded = turn.settings.preset if turn.settings else turn.preset
        names = (options.preset, recorded, self._defaults.preset, DEFAULT_PRESET)
        return next(PRESETS[name] for name in names if name in PRESETS)

    def _system(
        self, turn: AskedTurn, preset: Preset, config: BotConfig, options: ReplayOptions
    ) -> str:
        date = replace(self._defaults.date, now=lambda: turn.received_at)
        if turn.settings and not options.system_prompt:
            own = turn.settings.system_prompt
            # Another preset brings its prompt where that of then was its preset's.
            return preset.system_prompt if own == _prompt_of(turn.settings.preset) else own
        own = options.system_prompt or config.system_prompt or self._defaults.system_prompt
        return date.fill(own) or preset.system_prompt

    def _sampling(
        self, turn: AskedTurn, preset: Preset, config: BotConfig, options: ReplayOptions
    ) -> SamplingParams:
        sampling = preset.sampling
        if turn.settings and not options.preset:
            return options.applied_to(turn.settings.sampling)
        limit = config.max_new_tokens or self._defaults.max_new_tokens.get(turn.scope.messenger)
        if limit is not None and limit < sampling.max_new_tokens:
            sampling = replace(sampling, max_new_tokens=limit)
        return options.applied_to(sampling)


def _question(turn: AskedTurn, shown: Shown) -> str:
    """The text; beside pictures only what was written with them."""
    alone = turn.settings.picture_prompt if turn.settings and shown.pictures else None
    return turn.text if alone is None else "\n".join(shown.words) or alone


def _prompt_of(preset: str) -> str:
    known = PRESETS.get(preset)
    return known.system_prompt if known else ""


async def _config_of(connection: AsyncConnection, turn: AskedTurn) -> BotConfig:
    if turn.config_version is None:
        return BotConfig()
    return (await effective(connection, turn.scope, turn.config_version)).values


def _newest(history: Sequence[tuple[str, str]], limit: int | None) -> Sequence[tuple[str, str]]:
    return history if limit is None else history[max(len(history) - limit, 0) :]
