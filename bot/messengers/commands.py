"""The commands that all messengers share: what they do, and the sentence that tells it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.conversation.inbox import StoreDownError
from bot.domain.messenger import Command, Incoming
from bot.domain.turns import Person, Utterance
from bot.messengers.plugin import Services
from bot.store.conversations import ConversationKey
from bot.store.regeneration import NewestTurn
from bot.text.catalog import Texts
from runtime.database import DATABASE_ERRORS

#: An erasure that takes longer goes on by itself: webhooks have to be answered.
ERASE_WAIT_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOutcome:
    """The answer to a command: a sentence, or a message for the model."""

    sentence: str = ""
    utterance: Utterance | None = None
    calls_human: bool = False  #: nobody was called before


class PersonCommands:
    """Carries out commands; help and the newest held answer are each messenger's own."""

    def __init__(self, services: Services, messenger: str) -> None:
        self._inbox = services.inbox
        self._requests = services.requests
        self._eraser = services.eraser
        self._texts_for = services.texts_for
        self._messenger = messenger

    async def carry_out(self, incoming: Incoming) -> CommandOutcome:
        """Carry out any command but HELP and FETCH.

        ERASE erases: its confirmation comes before. Raises StoreDownError.
        """
        if incoming.command is Command.AGAIN:
            return await self._again(incoming)
        if incoming.command is Command.RESET:
            return CommandOutcome(sentence=await self._reset(incoming))
        if incoming.repeats is None:
            return await self._do(incoming)
        # A late repeat must not stop or erase what came since.
        place = self._messenger, incoming.tenant
        async with self._requests.taken(*place, incoming.repeats) as is_new:
            if is_new:
                return await self._do(incoming)
        return CommandOutcome(sentence=_repeated(incoming.command, self._texts(incoming)))

    async def _do(self, incoming: Incoming) -> CommandOutcome:
        """Carry out a command that must not be repeated."""
        texts, key = self._texts(incoming), self._key(incoming)
        if incoming.command is Command.STOP:
            stopped = await self._requests.stop(key, by=incoming.sender)
            return CommandOutcome(sentence=texts.stop_done if stopped else texts.nothing_to_stop)
        if incoming.command is Command.ERASE:
            return CommandOutcome(sentence=await self._erase(incoming))
        if incoming.command is Command.HUMAN:
            new = await self._requests.call_human(key, by=incoming.sender)
            return CommandOutcome(sentence=texts.human_called, calls_human=new)
        await self._requests.end_human(key, by=incoming.sender)
        return CommandOutcome(sentence=texts.bot_back)

    async def _reset(self, incoming: Incoming) -> str:
        await self._inbox.reset(
            messenger=self._messenger,
            tenant=incoming.tenant,
            key=incoming.conversation_key,
            repeats=incoming.repeats,
        )
        return self._texts(incoming).reset_done

    async def human_answers(self, incoming: Incoming) -> bool:
        """Whether a human answers in the conversation now: then the bot is silent."""
        return await self._requests.human_answers(self._key(incoming))

    async def _again(self, incoming: Incoming) -> CommandOutcome:
        """The newest question as a new message; a question in work is not asked twice."""
        key, draft, texts = self._key(incoming), incoming.draft, self._texts(incoming)
        if draft is None:
            return CommandOutcome(sentence=texts.nothing_again)
        if await self._requests.is_asked(self._messenger, incoming.tenant, draft.event_key):
            # Sent again: the inbox knows its turn.
            return CommandOutcome(utterance=draft)
        newest = await self._requests.newest_turn(key)
        if newest is None:
            return CommandOutcome(sentence=texts.nothing_again)
        return await self._ask(newest, draft, key, texts)

    async def _ask(
        self, newest: NewestTurn, draft: Utterance, key: ConversationKey, texts: Texts
    ) -> CommandOutcome:
        if newest.event_key == draft.event_key:
            # Another event of the message was quicker.
            return CommandOutcome(utterance=draft)
        if newest.had_pictures and newest.settled:
            return CommandOutcome(sentence=texts.picture_gone)
        if not (newest.settled and await self._take(key, newest, draft)):
            return CommandOutcome(sentence=texts.conversation_full)
        # After a silence too it belongs to the conversation of its question.
        asked = replace(
            draft,
            text=newest.text,
            prompt=newest.prompt,
            regenerates=newest.replaced,
            continues=newest.continues,
            idle_after_s=None,
        )
        return CommandOutcome(utterance=asked)

    async def _take(self, key: ConversationKey, newest: NewestTurn, draft: Utterance) -> bool:
        return await self._requests.take_turn(key, newest, event_key=draft.event_key)

    async def _erase(self, incoming: Incoming) -> str:
        person = Person(messenger=self._messenger, tenant=incoming.tenant, sender=incoming.sender)
        try:
            erased = await self._eraser.erase(person, wait_s=ERASE_WAIT_S)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error
        texts = self._texts(incoming)
        return texts.erase_done if erased else texts.erase_begun

    def _texts(self, incoming: Incoming) -> Texts:
        return self._texts_for(self._messenger, incoming.tenant, incoming.room)

    def _key(self, incoming: Incoming) -> ConversationKey:
        return ConversationKey(
            messenger=self._messenger, tenant=incoming.tenant, key=incoming.conversation_key
        )


def _repeated(command: Command | None, texts: Texts) -> str:
    """What was told when the command was taken."""
    sentences = {
        Command.STOP: texts.stop_done,
        Command.ERASE: texts.erase_done,
        Command.HUMAN: texts.human_called,
    }
    return sentences.get(command, texts.bot_back) if command else texts.bot_back
