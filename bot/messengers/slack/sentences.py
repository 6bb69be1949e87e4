"""The bot's own sentences in Slack: seen by one person, or by the whole thread."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.http.outbound import OutboundClient
from bot.messengers.slack.adapter import judge_response
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.blocks import escape
from bot.messengers.slack.web_api import SENTENCE_TYPE, Room
from runtime.tasks import TaskSet

log = structlog.get_logger(__name__)

#: Sentences under way at once; beyond it they are dropped and logged.
MAX_UNDER_WAY = 500

#: Of all sentences: a look-up of an answer passes over them.
_METADATA = {"metadata": {"event_type": SENTENCE_TYPE, "event_payload": {}}}


class Sentences:
    """Posts sentences in the background: what waits for Slack never delays a webhook."""

    def __init__(
        self, api: SlackApi, outbound: OutboundClient, response_hosts: Sequence[str]
    ) -> None:
        self._api = api
        self._outbound = outbound
        self._response_hosts = response_hosts
        self._tasks = TaskSet()

    def say(
        self,
        room: Room,
        sentence: str,
        *,
        only_to: str = "",
        blocks: list[dict[str, Any]] | None = None,
        response_url: str = "",
    ) -> None:
        """Post a sentence soon. ``only_to``: the one person who sees it; empty: the thread.

        ``response_url``: of a press; a way to its person where the bot may not post.
        """
        if len(self._tasks) >= MAX_UNDER_WAY:
            log.warning("slack_sentence_dropped", channel=room.channel)
            return
        document: dict[str, Any] = {"channel": room.channel, "text": escape(sentence)}
        if room.thread_ts:
            document["thread_ts"] = room.thread_ts
        if blocks:
            document["blocks"] = blocks
        if only_to:
            ephemeral = {**document, "user": only_to}
            self._start(room, "chat.postEphemeral", ephemeral, response_url)
        else:
            self._start(room, "chat.postMessage", {**document, **_METADATA})

    def later(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Do what waits for Slack, and then says something."""
        if len(self._tasks) < MAX_UNDER_WAY:
            self._tasks.start(work, name=name)
        else:
            work.close()

    def call(self, team: str, method: str, document: dict[str, Any]) -> None:
        """Call an idempotent method soon, whose result does not matter."""
        if len(self._tasks) < MAX_UNDER_WAY:
            self._tasks.start(self._call(team, method, document), name=method)

    def call_once(self, team: str, method: str, document: dict[str, Any]) -> None:
        """Call a method soon that works only once, whose result does not matter."""
        if len(self._tasks) < MAX_UNDER_WAY:
            self._tasks.start(self._post(team, method, document), name=method)

    async def close(self) -> None:
        """Wait for the sentences under way."""
        await self._tasks.wait_for_started()

    def _start(
        self, room: Room, method: str, document: dict[str, Any], response_url: str = ""
    ) -> None:
        self._tasks.start(self._post(room.team, method, document, response_url), name=method)

    async def _post(
        self, team: str, method: str, document: dict[str, Any], response_url: str = ""
    ) -> None:
        # Once: a sentence twice is worse than none, but for a pause that Slack asks for.
        result = await self._api.call_after_pause(method, document, team=team)
        if result.outcome is Outcome.REFUSED and response_url:
            answer = await self._respond(response_url, str(document["text"]))
            log.info("slack_press_answered", method=method, detail=answer.detail)
        elif not result.ok:
            log.warning("slack_sentence_lost", method=method, detail=result.detail)

    async def _respond(self, url: str, text: str) -> DeliveryResult:
        message = {"text": text, "response_type": "ephemeral", "replace_original": False}
        return await self._outbound.post_json(
            url, message, hosts=self._response_hosts, judge=judge_response
        )

    async def _call(self, team: str, method: str, document: dict[str, Any]) -> None:
        result = await self._api.call_until_clear(method, document, team=team)
        if not result.ok:
            log.info("slack_call_refused", method=method, detail=result.detail)
