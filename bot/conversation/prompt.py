"""The job of a burst: its messages and its sampling parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from bot.conversation.bursts import burst_text
from bot.conversation.prompt_date import PromptDate
from bot.store.conversations import LockedConversation
from bot.store.history_cache import Exchange, Window, mark
from bot.store.scheduling import WaitingTurn
from bot.workers import WorkerRegistry
from inference_queue.presets import Preset
from inference_queue.protocol import Job, Message, Role, SamplingParams


class PromptBuilder:
    """Builds jobs with the preset of the settings or of the workers."""

    def __init__(
        self,
        *,
        preset: str,
        system_prompt: str,
        max_new_tokens: Mapping[str, int],
        workers: WorkerRegistry,
        date: PromptDate | None = None,
    ) -> None:
        """``preset``: a name or "auto"; a non-empty ``system_prompt`` replaces the preset's.

        ``date`` fills its placeholders; the preset's prompt stays exact.
        ``max_new_tokens``: the maximum length of answers in tokens, by messenger name.
        """
        self._preset = preset
        self._system_prompt = system_prompt
        self._date = date or PromptDate()
        self._max_new_tokens = max_new_tokens
        self._workers = workers

    def current_preset(self) -> tuple[str, Preset]:
        """The name of the current preset, and the preset."""
        return self._workers.preset(self._preset)

    def job(
        self,
        conversation: LockedConversation,
        burst: Sequence[WaitingTurn],
        exchanges: Sequence[Exchange],
        preset: Preset,
    ) -> Job:
        """The job that answers the burst's newest turn."""
        turn = burst[-1]
        return Job(
            id=uuid4(),
            messages=self._messages(exchanges, burst_text(burst), preset.system_prompt),
            sampling=self._sampling(preset.sampling, turn.person.messenger),
            due=turn.reply_handle.due(turn.received_at),
            deadline=turn.expires_at,
            cache_key=f"{conversation.tenant}:{conversation.id}:{conversation.epoch}",
            fairness_key=turn.person.key,
        )

    def _messages(
        self, exchanges: Sequence[Exchange], text: str, system_prompt: str
    ) -> tuple[Message, ...]:
        """The system prompt, the answered turns of the epoch and the new text."""
        own = self._date.fill(self._system_prompt)
        messages = [Message(Role.SYSTEM, own or system_prompt)]
        for exchange in exchanges:
            messages.append(Message(Role.USER, exchange.text))
            messages.append(Message(Role.ASSISTANT, exchange.answer))
        messages.append(Message(Role.USER, text))
        return tuple(messages)

    def _sampling(self, sampling: SamplingParams, messenger: str) -> SamplingParams:
        """The preset's sampling, its length limited to the messenger's maximum."""
        limit = self._max_new_tokens.get(messenger)
        if limit is None or sampling.max_new_tokens <= limit:
            return sampling
        return replace(sampling, max_new_tokens=limit)


def history_window(conversation: LockedConversation, turn: WaitingTurn) -> Window:
    """The history of the turn; empty if a reset followed the turn."""
    same_epoch = turn.epoch == conversation.epoch
    newest = mark(conversation.history_seq, conversation.history_at) if same_epoch else ""
    again = turn.regenerates is not None
    return Window(conversation.id, conversation.epoch, newest, uncached=again)
