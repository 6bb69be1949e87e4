"""Responses to commands, of buttons and of words."""

from __future__ import annotations

from aiohttp import web

from bot.domain.messenger import Command
from bot.domain.turns import Utterance
from bot.messengers.commands import PersonCommands
from bot.messengers.kakao.http_responses import ResponsesByBot
from bot.messengers.kakao.skill_request import SkillIncoming
from bot.messengers.plugin import Services


class CommandResponder:
    """Carries out every command but FETCH."""

    def __init__(self, services: Services, responses: ResponsesByBot) -> None:
        self._commands = PersonCommands(services, "kakao")
        self._responses = responses

    async def respond(
        self, incoming: SkillIncoming, command: Command
    ) -> web.StreamResponse | Utterance:
        """The response, or the message that the model gets. Raises StoreDownError."""
        responses = self._responses.of(incoming.tenant)
        if command is Command.HELP:
            return responses.help()
        if command is Command.ERASE and not incoming.pressed:
            return responses.confirm_erasure()
        outcome = await self._commands.carry_out(incoming)
        if outcome.utterance is not None:
            return outcome.utterance
        if command is Command.HUMAN:
            return responses.call_human()
        return responses.say(outcome.sentence)

    async def human_answers(self, incoming: SkillIncoming) -> bool:
        """Whether a human answers in the conversation now. Raises StoreDownError."""
        return bool(incoming.sender) and await self._commands.human_answers(incoming)
