"""People in Slack in front of a running bot: what they do arrives as signed requests."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bot.messengers.slack.simulated_events import retry_headers, signed_json
from bot.messengers.slack.simulated_interactions import signed_interaction
from bot.messengers.slack.simulated_workspace.records import BOT_SCOPES
from tests.support.stack import SLACK_SECRET, Said, Stack

EVENTS, INTERACTIVITY = "/webhooks/slack/events", "/webhooks/slack/interactivity"


class SlackChat:
    """One workspace with the bot in it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.workspace = stack.slack.workspace
        self.people = stack.slack.people
        stack.slack.channels.scopes |= BOT_SCOPES
        self.workspace.directory.joined.add("C1")

    def direct(self, user: str) -> str:
        """The direct channel of a person with the bot."""
        return self.workspace.directory.dm(user).id

    @property
    def mention(self) -> str:
        """What mentions the bot."""
        return f"<@{self.workspace.directory.bot.user_id}>"

    async def say(
        self, user: str, room: str, text: str, *, thread_ts: str = "", **fields: Any
    ) -> str:
        """Write a message; its ts."""
        bodies = self.people.write(user, room, text, thread_ts, **fields)
        for body in bodies:
            said = await self.send(body)
            assert said.status == 200, said
        return str(bodies[0]["event"]["ts"])

    async def send(self, body: dict[str, Any], *, retry: int = 0) -> Said:
        """Send an event."""
        raw, headers = signed_json(SLACK_SECRET, body)
        headers |= retry_headers(retry) if retry else {}
        return await self.stack.post(EVENTS, raw, headers)

    async def interact(self, payload: dict[str, Any]) -> Said:
        """Send a press or a form."""
        raw, headers = signed_interaction(SLACK_SECRET, payload)
        return await self.stack.post(INTERACTIVITY, raw, headers)

    async def press(self, user: str, room: str, ts: str, action: str, value: str = "") -> Said:
        """Press a button of a message."""
        return await self.interact(self.people.press(user, room, ts, action, value))

    def thread(self, user: str, room: str, root: str) -> list[str]:
        """The texts that a person sees now in a thread, oldest first."""
        return list(self.workspace.screen(user, room, root).values())

    async def until_answered(self, question: str) -> Row[Any]:
        """Wait until the answer to a question is delivered; its turn."""
        return await self.stack.until(
            "SELECT turns.* FROM turns JOIN deliveries ON turn_id = id "
            f"WHERE text = '{question}' AND state = 'delivered' AND status <> 'received'"
        )

    async def until_shown(self, user: str, room: str, root: str, text: str) -> str:
        """Wait for a message with this text in the thread; its ts."""
        found: list[str] = []

        def shown() -> bool:
            screen = self.workspace.screen(user, room, root)
            found[:] = [ts for ts, now in screen.items() if text in now]
            return bool(found)

        await self.stack.slack.until(shown)
        return found[-1]
