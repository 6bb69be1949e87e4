"""What the bot does in Slack around an answer: status, sentences, hand-over, confirmation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from bot.domain.turns import Utterance
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.controls import erasure_blocks, human_blocks
from bot.messengers.slack.conversations import room_of
from bot.messengers.slack.people import People
from bot.messengers.slack.sentences import Sentences
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.thread_context import ThreadContext
from bot.messengers.slack.web_api import Room
from bot.text.catalog import Texts

#: Begins to write the answer of a turn live, where its room allows it; whether it does.
WriteLive = Callable[[UUID, Utterance], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The helpers of Slack's listeners."""

    settings: SlackSettings
    texts: Texts
    api: SlackApi
    sentences: Sentences
    people: People
    threads: ThreadContext
    status: StatusLine
    write_live: WriteLive

    def show_work(self, turn_id: UUID, utterance: Utterance) -> None:
        """Show that the answer of an accepted turn is being written."""
        room = room_of(utterance.reply)
        if room is not None:
            is_live = self.write_live(turn_id, utterance)
            self.status.begin(room, may_be_shown=is_live)

    def confirm_erasure(self, room: Room, user: str) -> None:
        """Ask the person to confirm, with a button that only this person sees."""
        blocks = erasure_blocks(self.texts)
        self.sentences.say(room, self.texts.erase_confirm, only_to=user, blocks=blocks)

    def call_human(self, room: Room, user: str) -> None:
        """Post the thread's link into the channel where humans look for calls, soon."""
        self.sentences.later(self._call_human(room, user), name="slack human")

    async def _call_human(self, room: Room, user: str) -> None:
        link = await self._permalink(room)
        target = Room(team=room.team, channel=self.settings.human_channel)
        text = self.texts.human_wanted
        self.sentences.say(target, text, blocks=human_blocks(self.texts, user, link))

    async def _permalink(self, room: Room) -> str:
        message = {"channel": room.channel, "message_ts": room.thread_ts}
        result = await self.api.call("chat.getPermalink", message, team=room.team, keep_alive=True)
        link = result.document.get("permalink")
        return link if isinstance(link, str) and link.startswith("https://") else ""
