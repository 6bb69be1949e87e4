"""The acknowledgement of a slash command: a sentence that only the person sees, or the command.

Slack can neither replace nor delete the acknowledgement: a "please wait" would stay above the
answer for ever. Where everybody sees the answer, Slack shows the command itself instead.
"""

from __future__ import annotations

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command, Incoming
from bot.messengers.commands import PersonCommands
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.messengers.slack.settings import Visibility
from bot.messengers.slack.slash_command import RESPONSE_URL_LIFE


class CommandReceiver:
    """Accepts commands; their answers follow by Web API or response_url."""

    def __init__(self, services: Services, visibility: Visibility) -> None:
        self._inbox = services.inbox
        self._commands = PersonCommands(services, "slack")
        self._workers = services.workers
        self._texts = services.texts
        self._texts_for = services.texts_for
        self._max_chars = services.settings.max_utterance_chars
        limit = self._texts.duration(RESPONSE_URL_LIFE.total_seconds())
        self._worker_down = self._texts.worker_down.format(limit=limit)
        self._accepted = "" if visibility == "in_channel" else self._texts.thinking

    async def receive(self, incoming: Incoming) -> str:
        """The acknowledgement, once the command is committed or refused.

        Empty for a question that everybody may see: Slack shows the command itself.
        """
        try:
            return await self._receive(incoming)
        except StoreDownError:
            return self._texts.storage_down
        except StoreFaultError:
            return self._texts.storage_fault
        except ConversationFullError:
            return self._texts.conversation_full
        except HumanAnswersError:
            return self._texts.human_answers

    async def _receive(self, incoming: Incoming) -> str:
        texts = self._texts_for("slack", incoming.tenant, incoming.room)
        if incoming.command in (Command.HELP, Command.FETCH):
            return texts.help_command
        utterance = incoming.utterance
        if incoming.command is not None:
            outcome = await self._commands.carry_out(incoming)
            if outcome.utterance is None:
                return outcome.sentence
            utterance = outcome.utterance
        if utterance is None:
            return problem_sentence(incoming.problem, texts, max_chars=self._max_chars)
        if sentence := await self._inbox.rejection(utterance):
            return sentence
        await self._inbox.submit(utterance)
        return self._worker_down if self._workers.model_is_off else self._accepted
