"""Messages in Slack's rooms and direct channels: accepted as questions, or carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot.conversation.accept_batcher import ConversationFullError, HumanAnswersError
from bot.conversation.inbox import StoreDownError, StoreFaultError
from bot.domain.messenger import Command, Incoming, Problem, typed_command
from bot.domain.turns import Utterance
from bot.http.picture_scaling import PictureError
from bot.messengers.commands import PersonCommands
from bot.messengers.parsing import read_text
from bot.messengers.plugin import Services
from bot.messengers.problems import problem_sentence
from bot.messengers.slack.conversations import conversation_key, event_key, reply_handle
from bot.messengers.slack.desk import Desk
from bot.messengers.slack.events import SlackMessage
from bot.messengers.slack.message_text import readable
from bot.messengers.slack.picture_receiver import SlackPictures, picture_sentence
from bot.messengers.slack.repeats import Repeats, repeat_window
from bot.messengers.slack.thread_rules import ThreadRules
from bot.messengers.slack.web_api import Room
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

#: The number of Slack's last repetition.
LAST_RETRY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """A message that is the bot's to answer."""

    message: SlackMessage
    incoming: Incoming
    utterance: Utterance  #: the message as a question, even where it is none
    room: Room
    texts: Texts  #: of its scope
    is_first: bool  #: nobody has asked the bot in this conversation before

    @property
    def is_claimed_deed(self) -> bool:
        """Whether it is a command that is claimed before it is carried out: it is no question."""
        return self.incoming.command not in (None, Command.AGAIN)


class MessageReceiver:
    """Receives messages; each is committed or carried out before its event is acknowledged."""

    def __init__(
        self, services: Services, desk: Desk, rules: ThreadRules, pictures: SlackPictures
    ) -> None:
        self._services = services
        self._pictures = pictures
        self._desk = desk
        self._rules = rules
        self._repeats = Repeats(services.database)
        self._commands = PersonCommands(services, "slack")

    async def receive(self, message: SlackMessage, received_at: datetime) -> None:
        """Receive one message. Raises StoreDownError: Slack is to send the event again."""
        concern = await self._rules.concern(message)
        if not concern.concerns:
            return
        received = self._read(message, received_at, is_first=concern.is_first)
        async with self._repeats.handling(received.utterance) as is_new:
            if is_new:
                await self._handle(received)

    async def _handle(self, received: _Received) -> None:
        try:
            await self._answer(received)
        except StoreDownError:
            if received.message.source.retry >= LAST_RETRY:
                self._say(received, received.texts.storage_down)
            raise
        except StoreFaultError:
            await self._say_once(received, received.texts.storage_fault)
        except ConversationFullError:
            await self._say_once(received, received.texts.conversation_full)
        except HumanAnswersError:
            log.info("slack_message_left_to_human", channel=received.message.channel)

    def _read(self, message: SlackMessage, received_at: datetime, *, is_first: bool) -> _Received:
        settings = self._desk.settings
        handle = reply_handle(message, received_at, settings)
        text = read_text(
            readable(message.raw_text, bot_user=message.source.bot_user),
            self._services.settings.max_utterance_chars,
        )
        incoming = Incoming(
            sender=message.user,
            tenant=message.source.tenant,
            conversation_key=conversation_key(message, settings),
            room=message.channel,
        )
        utterance = Utterance(
            messenger="slack",
            tenant=incoming.tenant,
            conversation_key=incoming.conversation_key,
            event_key=event_key(message),
            sender=message.user,
            text=text.text,
            reply=handle,
            received_at=received_at,
            room=incoming.room,
        )
        room = Room(
            team=message.source.team,
            channel=message.channel,
            thread_ts=str(handle.address["thread_ts"]),
        )
        texts = self._services.texts_for("slack", incoming.tenant, incoming.room)
        problem = text.problem
        if shown := self._pictures.shown(message):
            bare = problem is Problem.EMPTY
            media = ({"type": "image", "beside_text": not bare},) * len(shown)
            utterance = replace(
                utterance, media=media, text=texts.picture_text if bare else utterance.text
            )
            problem = None if bare else problem
        read = _with_content(incoming, message, utterance, problem)
        return _Received(
            message=message,
            incoming=read,
            utterance=utterance,
            room=room,
            texts=texts,
            is_first=is_first,
        )

    async def _answer(self, received: _Received) -> None:
        if received.incoming.utterance is not None:
            question = await self._in_context(received, received.incoming.utterance)
            await self._submit(received, question)
        elif received.incoming.command is Command.AGAIN:
            await self._ask_again(received)
        else:
            await self._do_once(received)

    async def _ask_again(self, received: _Received) -> None:
        """Without a claim, as any question: a bot that is killed behind it would keep it."""
        outcome = await self._commands.carry_out(received.incoming)
        if outcome.utterance is not None:
            await self._submit(received, outcome.utterance)
        else:
            await self._say_once(received, outcome.sentence)

    async def _do_once(self, received: _Received) -> None:
        async with self._repeats.claimed(received.utterance) as is_first:
            if not is_first:
                log.info("slack_message_repeated", channel=received.message.channel)
            elif received.incoming.command is not None:
                await self._carry_out(received, received.incoming.command)
            elif not await self._commands.human_answers(received.incoming):
                self._say_problem(received)

    def _say_problem(self, received: _Received) -> None:
        max_chars = self._services.settings.max_utterance_chars
        problem = received.incoming.problem
        self._say(received, problem_sentence(problem, received.texts, max_chars=max_chars))

    async def _carry_out(self, received: _Received, command: Command) -> None:
        if command in (Command.HELP, Command.FETCH):
            self._say(received, received.texts.help_chat)
        elif command is Command.ERASE:
            self._desk.confirm_erasure(received.room, received.message.user)
        elif command is Command.HUMAN and not self._desk.settings.human_channel:
            self._say(received, received.texts.human_unavailable)
        else:
            outcome = await self._commands.carry_out(received.incoming)
            if outcome.calls_human:
                self._desk.call_human(received.room, received.message.user)
            if command is Command.STOP:
                # Where nothing is shown yet, no delivery ends the status.
                self._desk.status.end(received.room)
            self._say(received, outcome.sentence)

    async def _submit(self, received: _Received, utterance: Utterance) -> None:
        if sentence := await self._services.inbox.rejection(utterance):
            if not await self._commands.human_answers(received.incoming):
                await self._say_once(received, sentence)
            return
        shown = self._pictures.shown(received.message) if utterance.media else ()
        if sentence := self._pictures.rejection(shown, received.texts):
            await self._say_once(received, sentence)
            return
        try:
            utterance = await self._with_pictures(received, utterance)
        except PictureError as error:
            await self._say_once(received, picture_sentence(error.problem, received.texts))
            return
        accepted = await self._services.inbox.submit(utterance)
        if accepted.new:
            self._desk.show_work(accepted.turn_id, utterance)

    async def _with_pictures(self, received: _Received, utterance: Utterance) -> Utterance:
        if not utterance.media:
            return utterance
        return await self._pictures.added(utterance, received.message)

    async def _say_once(self, received: _Received, sentence: str) -> None:
        async with self._repeats.claimed(received.utterance) as is_first:
            if is_first or received.is_claimed_deed:
                self._say(received, sentence)

    async def _in_context(self, received: _Received, utterance: Utterance) -> Utterance:
        """The utterance as the model reads it: in rooms with the speaker, and once the thread."""
        message, prompt = received.message, utterance.text
        if utterance.media and not utterance.media[0]["beside_text"]:
            return utterance
        if message.has_files:
            note = received.texts.picture_text if utterance.media else received.texts.files_note
            prompt = f"{prompt}\n\n{note}"
        if message.is_direct:
            return replace(utterance, prompt=prompt) if message.has_files else utterance
        name = await self._desk.people.name(message.source.team, message.user)
        prompt = f"{name}: {prompt}"
        if received.is_first and (thread := await self._desk.threads.before(message)):
            prompt = f"{received.texts.thread_intro}\n{thread}\n\n{prompt}"
        return replace(utterance, prompt=prompt)

    def _say(self, received: _Received, sentence: str) -> None:
        """Tell a sentence: in rooms to its person alone."""
        message = received.message
        only_to = "" if message.is_direct else message.user
        self._desk.sentences.say(received.room, sentence, only_to=only_to)


def _with_content(
    incoming: Incoming,
    message: SlackMessage,
    utterance: Utterance,
    problem: Problem | None,
) -> Incoming:
    """What the message is: a command, a problem or a question."""
    if problem is Problem.EMPTY:
        if message.has_files:
            return replace(incoming, problem=Problem.MEDIA)
        return replace(incoming, command=Command.HELP)
    if command := typed_command(utterance.text):
        repeats = repeat_window(utterance, utterance.event_key)
        return replace(incoming, command=command, repeats=repeats, draft=utterance)
    if problem is not None:
        return replace(incoming, problem=problem)
    return replace(incoming, utterance=utterance)
