"""The acknowledgement of a slash command: a sentence that only the person sees, or the command.

Slack can neither replace nor delete the acknowledgement: a "please wait" would stay above the
answer for ever. Where everybody sees the answer, Slack shows the command itself instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command, Incoming
from bot.domain.turns import Utterance
from bot.messengers.commands import PersonCommands
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.messengers.slack.controls import erasure_blocks
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.slash_command import RESPONSE_URL_LIFE, visibility_of
from bot.text.catalog import Texts

#: Slack shows the typed command to the channel.
SHOW_COMMAND = {"response_type": "in_channel"}


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The response to a command: a sentence that only the person sees, or the command itself."""

    sentence: str = ""
    blocks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def document(self) -> dict[str, Any]:
        """Slack's JSON."""
        if not self.sentence:
            return dict(SHOW_COMMAND)
        own: dict[str, Any] = {"text": self.sentence, "response_type": "ephemeral"}
        return own | ({"blocks": self.blocks} if self.blocks else {})


class CommandReceiver:
    """Accepts commands; their answers follow by Web API or response_url."""

    def __init__(self, services: Services, settings: SlackSettings) -> None:
        self._inbox = services.inbox
        self._settings = settings
        self._commands = PersonCommands(services, "slack")
        self._workers = services.workers
        self._texts = services.texts
        self._texts_for = services.texts_for
        self._max_chars = services.settings.max_utterance_chars
        limit = self._texts.duration(RESPONSE_URL_LIFE.total_seconds())
        self._worker_down = self._texts.worker_down.format(limit=limit)

    async def receive(self, incoming: Incoming) -> Acknowledgement:
        """The acknowledgement, once the command is committed or refused."""
        texts = self._texts_for("slack", incoming.tenant, incoming.room)
        try:
            return await self._receive(incoming, texts)
        except StoreDownError:
            return Acknowledgement(texts.storage_down)
        except StoreFaultError:
            return Acknowledgement(texts.storage_fault)
        except ConversationFullError:
            return Acknowledgement(texts.conversation_full)
        except HumanAnswersError:
            return Acknowledgement(texts.human_answers)

    async def _receive(self, incoming: Incoming, texts: Texts) -> Acknowledgement:
        if own := _own_answer(incoming.command, texts):
            return own
        utterance = incoming.utterance
        if incoming.command is not None:
            outcome = await self._commands.carry_out(incoming)
            if outcome.utterance is None:
                return Acknowledgement(outcome.sentence)
            utterance = outcome.utterance
        if utterance is None:
            sentence = problem_sentence(incoming.problem, texts, max_chars=self._max_chars)
            return Acknowledgement(sentence)
        if sentence := await self._inbox.rejection(utterance):
            return Acknowledgement(sentence)
        await self._inbox.submit(utterance)
        return Acknowledgement(self._accepted(utterance, texts))

    def _accepted(self, utterance: Utterance, texts: Texts) -> str:
        """What is told of an accepted question; nothing of one that everybody may see."""
        if self._workers.model_is_off:
            return self._worker_down
        visibility = visibility_of(utterance.reply.address, self._settings)
        return "" if visibility == "in_channel" else texts.thinking


def _own_answer(command: Command | None, texts: Texts) -> Acknowledgement | None:
    """The answer to a command that changes nothing."""
    if command in (Command.HELP, Command.FETCH):
        return Acknowledgement(texts.help_command)
    if command is Command.ERASE:
        return Acknowledgement(texts.erase_confirm, erasure_blocks(texts))
    if command is Command.HUMAN:
        # A command has no thread that a human could answer in.
        return Acknowledgement(texts.human_unavailable)
    return None
