"""Presses of buttons and sent forms: votes, stops, erasures, the end of a hand-over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.conversation.inbox import StoreDownError
from bot.domain.feedback import MAX_NOTE_CHARS, Feedback, Reason, Vote
from bot.domain.messenger import Command, Incoming
from bot.domain.turns import RepeatWindow, clean_text
from bot.messengers.commands import PersonCommands
from bot.messengers.parsing import digest, held_turn_id
from bot.messengers.plugin import Services
from bot.messengers.slack.controls import (
    ERASE_ACTION,
    NOTE_BLOCK,
    REASONS_BLOCK,
    STOP_ACTION,
    VOTE_ACTION,
    VoteValue,
    read_reason_metadata,
    read_vote,
    reason_view,
)
from bot.messengers.slack.desk import Desk
from bot.messengers.slack.ids import field, known_word, message_ts, slack_id, tenant_of
from bot.messengers.slack.slash_command import REPLAY_WINDOW
from bot.messengers.slack.web_api import Room
from bot.observability.metrics import UNKNOWN_REQUESTS
from bot.store.feedback import Place

log = structlog.get_logger(__name__)


class Press:
    """One press of a button: who, where, which."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        document = dict(body)
        actions = body.get("actions")
        self.action = actions[0] if isinstance(actions, list) and actions else None
        self.team, self.tenant = _team_and_tenant(document)
        self.user = slack_id(field(document, "user", "id"))
        self.trigger = field(document, "trigger_id")
        url = field(document, "response_url")
        self.response_url = url if isinstance(url, str) else ""
        self.room = Room(
            team=self.team,
            channel=slack_id(field(document, "channel", "id"))
            or slack_id(field(document, "container", "channel_id")),
            thread_ts=message_ts(field(document, "message", "thread_ts"))
            or message_ts(field(document, "container", "thread_ts")),
        )

    @property
    def repeats(self) -> RepeatWindow | None:
        """The window in which the same press is a replay; Slack gives each a trigger of its own."""
        if not isinstance(self.trigger, str):
            return None
        now = datetime.now(UTC)
        key = digest("press", self.trigger)
        return RepeatWindow(key=key, received_at=now, until=now + REPLAY_WINDOW)

    @property
    def action_id(self) -> str:
        """The action's id; empty where there is none."""
        found = field(self.action, "action_id")
        return found if isinstance(found, str) else ""

    @property
    def value(self) -> object:
        """The value of the pressed button."""
        return field(self.action, "value")


class ActionReceiver:
    """Carries out presses. What names a turn of another place changes nothing and is logged."""

    def __init__(self, services: Services, desk: Desk) -> None:
        self._requests = services.requests
        self._texts = services.texts
        self._desk = desk
        self._commands = PersonCommands(services, "slack")

    async def receive(self, body: Mapping[str, Any]) -> None:
        """Carry out one press; an unknown one is logged. Raises StoreDownError: Slack says so."""
        press = Press(body)
        if not (press.team and press.user):
            log.warning("slack_press_without_person")
            return
        try:
            await self._receive(press)
        except StoreDownError:
            # Without an acknowledgement Slack shows that the press had no effect.
            self._say(press, self._texts.storage_down)
            raise

    async def receive_reasons(self, body: Mapping[str, Any]) -> None:
        """Store the reasons of a sent form. Raises StoreDownError: the form stays open."""
        known = read_reason_metadata(field(dict(body), "view", "private_metadata"))
        press = Press(body)
        if known is None or not (press.team and press.user):
            log.warning("slack_form_unknown")
            return
        value, channel = known
        values = field(dict(body), "view", "state", "values")
        given = Feedback(
            turn_id=value.turn_id,
            voter=press.user,
            vote=Vote.BAD,
            reasons=_reasons(field(values, REASONS_BLOCK, REASONS_BLOCK, "selected_options")),
            note=_note(field(values, NOTE_BLOCK, NOTE_BLOCK, "value")),
        )
        await self._requests.vote(given, _place(press, channel))

    async def _receive(self, press: Press) -> None:
        if press.action_id.startswith(VOTE_ACTION):
            await self._vote(press)
        elif press.action_id == STOP_ACTION:
            await self._stop(press)
        elif press.action_id == ERASE_ACTION:
            incoming = Incoming(
                sender=press.user,
                tenant=press.tenant,
                conversation_key="",
                command=Command.ERASE,
                repeats=press.repeats,
            )
            self._say(press, (await self._commands.carry_out(incoming)).sentence)
        else:
            UNKNOWN_REQUESTS.labels("slack", "press").inc()
            log.info("slack_press_unknown", action=known_word(press.action_id))

    async def _vote(self, press: Press) -> None:
        value = read_vote(press.value)
        if value is None:
            log.warning("slack_vote_unreadable")
            return
        given = Feedback(turn_id=value.turn_id, voter=press.user, vote=value.vote)
        if not await self._requests.vote(given, _place(press, press.room.channel)):
            self._say(press, self._texts.vote_unknown)
        elif value.vote is Vote.BAD:
            self._ask_for_reasons(press, value)
        else:
            self._say(press, self._texts.vote_thanks)

    def _ask_for_reasons(self, press: Press, value: VoteValue) -> None:
        """Open the form; its trigger lives three seconds and opens one form."""
        view = reason_view(value, press.room.channel, self._texts)
        document = {"trigger_id": press.trigger, "view": view}
        self._desk.sentences.call_once(press.team, "views.open", document)

    async def _stop(self, press: Press) -> None:
        turn_id = held_turn_id(press.value)
        stopped = turn_id is not None and await self._requests.stop_turn(
            turn_id,
            messenger="slack",
            tenant=press.tenant,
            room=press.room.channel,
            by=press.user,
        )
        if stopped:
            self._desk.status.end(press.room)
        self._say(press, self._texts.stop_done if stopped else self._texts.nothing_to_stop)

    def _say(self, press: Press, sentence: str) -> None:
        if press.room.channel:
            self._desk.sentences.say(
                press.room, sentence, only_to=press.user, response_url=press.response_url
            )


def _team_and_tenant(document: Mapping[str, Any]) -> tuple[str, str]:
    """The workspace that the app is installed in, and its tenant.

    A form that was opened in a shared channel names the workspace of the app, and otherwise that of
    the person and its organisation. In an organisation's installation it names the organisation.
    """
    team = slack_id(field(document, "team", "id")) or slack_id(field(document, "user", "team_id"))
    installed = slack_id(field(document, "view", "app_installed_team_id"))
    if installed.startswith("T") and installed != team:
        return installed, tenant_of(installed)
    enterprise = slack_id(field(document, "enterprise", "id"))
    enterprise = enterprise or slack_id(field(document, "team", "enterprise_id"))
    return team, tenant_of(team, enterprise)


def _place(press: Press, channel: str) -> Place:
    return Place(messenger="slack", tenant=press.tenant, room=channel)


def _reasons(selected: object) -> tuple[Reason, ...]:
    chosen = selected if isinstance(selected, list) else []
    codes = [field(option, "value") for option in chosen[: len(Reason)]]
    return tuple(reason for reason in Reason if reason.value in codes)


def _note(raw: object) -> str:
    return clean_text(raw[: 2 * MAX_NOTE_CHARS])[:MAX_NOTE_CHARS] if isinstance(raw, str) else ""
