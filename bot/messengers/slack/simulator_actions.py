"""What people do on the Slack pane beside commands: they write, press, stop and fill in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.messengers.slack.simulated_events import retry_headers, signed_json
from bot.messengers.slack.simulated_interactions import signed_interaction
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulator_deliveries import SlackDeliveries, SlackRequest
from bot.messengers.slack.simulator_visitors import PlatformState, Visitor, Visitors
from bot.messengers.slack.view_tree import filled_in
from bot.simulator.sessions import MAX_MESSAGE_CHARS, Exchange

MENTION = "@블라썸"
MAX_FIELDS = 20
_GONE = "그 메시지나 버튼은 이제 없습니다."
_CHANNEL_TYPES = {"im": "im", "channel": "channels", "group": "groups"}

Short = Annotated[str, Field(max_length=2000)]


class PageAction(BaseModel):
    """One deed on the page; ``do`` tells which of the other fields count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    do: Literal["write", "press", "press_view", "submit", "close", "stop", "open", "platform"]
    surface: Literal["channel", "dm"] = "dm"
    text: Annotated[str, Field(max_length=MAX_MESSAGE_CHARS)] = ""
    twice: bool = False
    thread_ts: Short = ""
    ts: Short = ""
    action_id: Short = ""
    value: Short = ""
    tab: Literal["messages", "home"] = "messages"
    platform: PlatformState = PlatformState.WORKS
    #: By block_id: a text, or the values of the chosen options.
    values: Annotated[
        dict[Short, Annotated[str, Field(max_length=3000)] | list[Short]],
        Field(max_length=MAX_FIELDS),
    ] = Field(default_factory=dict)


class SlackActions:
    """Performs the deeds of people in the workspace and delivers what Slack sends for them."""

    def __init__(
        self,
        visitors: Visitors,
        deliveries: SlackDeliveries,
        signing_secret: str,
        new_response_url: Callable[[Exchange], str],
    ) -> None:
        self._visitors = visitors
        self._people = visitors.people
        self._deliveries = deliveries
        self._secret = signing_secret
        self._new_response_url = new_response_url

    async def perform(self, exchange: Exchange, action: PageAction) -> None:
        """Do it; what is not possible any more is shown as a failure."""
        deeds: dict[str, Callable[[Exchange, Visitor, PageAction], Awaitable[None]]] = {
            "write": self._write,
            "press": self._press,
            "press_view": self._press_view,
            "submit": self._submit,
            "close": self._close,
            "stop": self._stop,
            "open": self._open,
            "platform": self._set_platform,
        }
        visitor = self._visitors.of(exchange)
        try:
            await deeds[action.do](exchange, visitor, action)
        except (LookupError, SlackError):
            exchange.show("failure", surface=action.surface, title=_GONE, detail="")

    async def _write(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        if not action.text.strip():
            return
        room = visitor.room(action.surface)
        text = _typed(action.text, self._visitors.workspace.directory.bot.user_id)
        bodies = self._people.write(visitor.user, room, text, action.thread_ts)
        await self._send(exchange, action.surface, bodies)
        if action.twice:
            await self._send(exchange, action.surface, bodies, retry=1)

    async def _press(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        room = visitor.room(action.surface)
        url = self._new_response_url(exchange)
        payload = self._people.press(
            visitor.user, room, action.ts, action.action_id, action.value, url
        )
        await self._interact(exchange, payload, action.surface, action.thread_ts)

    async def _press_view(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        payload = self._people.press_in_view(visitor.user, action.action_id, action.value)
        await self._interact(exchange, payload, "dm")

    async def _submit(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        view = self._visitors.workspace.views.modals[visitor.user][-1]
        values = filled_in(view.content, action.values)
        payload = self._people.submit(visitor.user, values)
        reply = await self._interact(exchange, payload, action.surface)
        if reply is None:
            return
        try:
            answer = reply.json if reply.body.strip() else None
        except ValueError:
            answer = None
        errors = self._people.answer_submission(
            visitor.user, answer if isinstance(answer, dict) else None
        )
        if errors:
            visitor.page.show("modal_errors", errors=errors)
        else:
            self._show_modals(visitor)

    async def _close(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        payload = self._people.close_modal(visitor.user)
        self._show_modals(visitor)
        if payload is not None:
            await self._interact(exchange, payload, action.surface)

    async def _stop(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        room = visitor.room(action.surface)
        body = self._people.stop(visitor.user, room, action.thread_ts)
        await self._send(exchange, action.surface, [body])

    async def _open(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        await self._send(exchange, "dm", [self._people.open_app(visitor.user, action.tab)])

    async def _set_platform(self, exchange: Exchange, visitor: Visitor, action: PageAction) -> None:
        self._visitors.set_platform(visitor, action.platform)
        exchange.show("platform", slot="platform", state=str(action.platform))

    def _show_modals(self, visitor: Visitor) -> None:
        """The topmost modal is closed: what is below it shows again."""
        stack = self._visitors.workspace.views.modals.get(visitor.user, [])
        if not stack:
            visitor.page.show("modal_closed", slot="modal::")

    async def _send(
        self, exchange: Exchange, surface: str, bodies: Sequence[dict[str, Any]], retry: int = 0
    ) -> None:
        for document in bodies:
            event = document["event"]
            body, headers = signed_json(self._secret, document)
            request = SlackRequest(
                path="events",
                body=body,
                headers={**headers, **(retry_headers(retry) if retry else {})},
                shown=document,
                name=_name_of(event),
                surface=surface,
                thread_ts=str(event.get("thread_ts") or event.get("ts") or ""),
            )
            await self._deliveries.post_event(exchange, request)

    async def _interact(
        self, exchange: Exchange, payload: dict[str, Any], surface: str, thread_ts: str = ""
    ) -> Any:
        body, headers = signed_interaction(self._secret, payload)
        request = SlackRequest(
            path="interactivity",
            body=body,
            headers=headers,
            shown={"payload": payload},
            name=str(payload["type"]),
            surface=surface,
            thread_ts=thread_ts,
        )
        return await self._deliveries.post_event(exchange, request)


def _typed(text: str, bot_user: str) -> str:
    """A typed text as Slack's events hold it: escaped, with the bot's mention as its id."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace(MENTION, f"<@{bot_user}>")


def _name_of(event: dict[str, Any]) -> str:
    """The event's name as the app's settings list it, such as message.im."""
    kind = str(event["type"])
    room = _CHANNEL_TYPES.get(str(event.get("channel_type")))
    return f"{kind}.{room}" if kind == "message" and room else kind
