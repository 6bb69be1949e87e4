"""The people: they write at their own times, read what comes, and press the button they get."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from bot.messengers.kakao.platform_limits import CALLBACK_LIFETIME_S, SKILL_TIMEOUT_S
from bot.messengers.slack.platform_limits import ACK_TIMEOUT_S
from bot.store.deliveries import AGAIN_AFTER_S
from bot.text.catalog import TEXTS
from chaos.cluster import KAKAO_SECRET, SLACK_SECRET, Cluster
from chaos.journal import Journal, Message, utterance
from fakes.faults import Fault
from fakes.kakao import CallbackPost, KakaoPlatform, skill_request
from fakes.slack import SlackPlatform, SlackPost, SlackReading, signed_command

_TEXTS = TEXTS["ko"]
_ENDS = {
    _TEXTS.failed: "failed",
    _TEXTS.expired: "expired",
    _TEXTS.prompt_too_long: "prompt too long",
    _TEXTS.merged: "merged",
}
_NEVER = {
    _TEXTS.held_expired: "told that a fresh answer is too old",
    _TEXTS.held_delivered_already: "told that it has been shown",
}
#: After these the bot cannot know whether the person saw it.
_WITHHELD = frozenset({Fault.TIME_OUT, Fault.CUT, Fault.DROPPED, Fault.SERVER_ERROR})
_WATCH_EVERY_S = 0.05
#: Slack's channels; the bot is in three of four.
_CHANNELS, _WITHOUT_BOT = 40, 4
_ASKED = re.compile(r"^> <@US\d+> (s\d+m\d+) ")
_SHARE_TWICE, _SHARE_WITHOUT_CALLBACK = 0.1, 0.15


@dataclass(slots=True)
class Crowd:
    """Everybody who writes, and the platforms in between."""

    journal: Journal
    cluster: Cluster
    kakao: KakaoPlatform
    slack: SlackPlatform
    http: ClientSession
    dice: random.Random
    addresses: dict[str, Message] = field(default_factory=dict)  #: path of a reply URL
    lost_track: dict[str, Message] = field(default_factory=dict)  #: turn whose POST got no answer
    longest_pause_s: float = 0.0  #: in which neither people nor platforms did anything
    _pressing: set[asyncio.Task[None]] = field(default_factory=set)

    async def write(self, conversation: str, times: list[float]) -> None:
        """Send a conversation's messages, each at its time and after the one before was taken."""
        for number, at in enumerate(times, start=1):
            await asyncio.sleep(at - time.monotonic())
            message = self.journal.sent(conversation, number)
            send = self._write_kakao if conversation.startswith("k") else self._write_slack
            await send(message)

    async def watch(self) -> None:
        """Read what is posted to the platforms, until cancelled."""
        callbacks = posts = messages = readings = 0
        while True:
            for callback in self.kakao.posts[callbacks:]:
                callbacks += 1
                self._read_callback(callback)
            for post in self.slack.posts[posts:]:
                posts += 1
                self._read_post(post)
            for post in self.slack.messages[messages:]:
                messages += 1
                self._read_message(post)
            for reading in self.slack.readings[readings:]:
                readings += 1
                self._read_history(reading)
            slept_at = time.monotonic()
            await asyncio.sleep(_WATCH_EVERY_S)
            self.longest_pause_s = max(self.longest_pause_s, time.monotonic() - slept_at)

    def calm(self) -> None:
        """From now on the platforms do not fail."""
        self.kakao.faults.forget()
        self.slack.faults.forget()
        self.slack.history_faults.forget()

    async def close(self) -> None:
        """Stop pressing buttons."""
        for task in self._pressing:
            task.cancel()
        await asyncio.gather(*self._pressing, return_exceptions=True)

    def _address(self, url: str, origin: str, message: Message) -> str:
        self.addresses[url.removeprefix(origin)] = message
        return url

    async def _write_kakao(self, message: Message) -> None:
        url = None
        if self.dice.random() >= _SHARE_WITHOUT_CALLBACK:
            fresh = self.kakao.new_callback_url(acknowledged=False)
            url = self._address(fresh, self.kakao.origin, message)
        body = skill_request(utterance(message), message.conversation, url)
        # Kakao never sends again; a proxy in between may, and the URL tells that it is the same.
        times = self._times() if url else 1
        answers = await asyncio.gather(*(self._ask_kakao(body) for _ in range(times)))
        for answer in answers:
            self._read_skill_response(message, answer, url)

    async def _write_slack(self, message: Message) -> None:
        url = self._address(self.slack.new_response_url(), self.slack.origin, message)
        body, headers = signed_command(
            SLACK_SECRET,
            utterance(message),
            response_url=url,
            user_id=f"U{message.conversation.upper()}",
            channel_id=channel_of(message.conversation),
        )
        times = self._times()
        for status, said in await asyncio.gather(
            *(
                self._post("/webhooks/slack/commands", body, headers, ACK_TIMEOUT_S)
                for _ in range(times)
            )
        ):
            self._read_acknowledgement(message, status, said)

    def _times(self) -> int:
        twice = self.dice.random() < _SHARE_TWICE
        self.journal.faults["event delivered twice"] += twice
        return 2 if twice else 1

    async def _post(
        self, path: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> tuple[int, Any]:
        """What one of the living bots answers; status 0 and the error where none does."""
        living = [node for node in self.cluster.bots if node.up]
        url = self.dice.choice(living or self.cluster.bots).url + path
        limit = ClientTimeout(total=timeout_s)
        try:
            async with self.http.post(url, data=body, headers=headers, timeout=limit) as response:
                return response.status, json.loads(await response.read())
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            return 0, type(error).__name__

    async def _ask_kakao(self, body: dict[str, Any]) -> tuple[int, Any]:
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        return await self._post(
            "/webhooks/kakao", json.dumps(body).encode(), headers, SKILL_TIMEOUT_S
        )

    def _read_skill_response(
        self, message: Message, answer: tuple[int, Any], url: str | None
    ) -> None:
        status, said = answer
        texts = _bubbles(said) if status == 200 else []
        if status != 200 or {_TEXTS.storage_down, _TEXTS.busy} & {*texts}:
            message.refused = f"HTTP {status} {texts or said}"
            return
        message.accepted_at = message.accepted_at or time.monotonic()
        if said.get("useCallback") and url:
            self.kakao.acknowledge(url)
            return
        self._read_bubbles(message, "sync", texts, _replies(said))

    def _read_bubbles(
        self, message: Message, via: str, texts: list[str], replies: list[dict[str, Any]]
    ) -> None:
        held = [reply for reply in replies if reply["label"] == _TEXTS.fetch_label]
        for reply in replies:
            self._take_button(message, reply, earlier=reply not in held)
        if held or self.journal.show(message, via, "\n".join(texts)):
            return
        message.told += [word for sentence, word in _ENDS.items() if sentence in texts]
        message.strange += [word for sentence, word in _NEVER.items() if sentence in texts]

    def _take_button(self, message: Message, reply: dict[str, Any], *, earlier: bool) -> None:
        if earlier:
            press = self._press_earlier(message, reply)
        elif message.button:
            return
        else:
            message.button = True
            press = self._press_until_shown(message, reply)
        task = asyncio.create_task(press)
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)

    async def _press_earlier(self, message: Message, reply: dict[str, Any]) -> None:
        """Press the button beside a later answer, where an answer is missing without its own."""
        await asyncio.sleep(self.dice.uniform(0.3, 3.0))
        siblings = self.journal.by_conversation()[message.conversation]
        if any(m.accepted_at and not m.ended and not m.button for m in siblings):
            body = skill_request(reply["messageText"], message.conversation, None, reply["extra"])
            status, said = await self._ask_kakao(body)
            if status == 200:
                self.journal.show(message, "button", "\n".join(_bubbles(said)))

    async def _press_until_shown(self, message: Message, reply: dict[str, Any]) -> None:
        """Press again after "not yet" and after an error, as long as nothing was shown.

        And once more after "shown already": of two presses close to each other the first counts,
        and its response may have been lost.
        """
        body = skill_request(reply["messageText"], message.conversation, None, reply["extra"])
        doubted = False
        while True:
            await asyncio.sleep(self.dice.uniform(0.3, 3.0))
            if message.ended or message.strange:
                return
            status, said = await self._ask_kakao(body)
            if status != 200 or _TEXTS.storage_down in _bubbles(said):
                continue
            if _TEXTS.held_delivered_already in _bubbles(said) and not doubted:
                doubted = True
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            self._read_bubbles(message, "button", _bubbles(said), _replies(said))

    def _read_acknowledgement(self, message: Message, status: int, said: Any) -> None:
        text = said.get("text", "") if isinstance(said, dict) else ""
        if status == 200 and text in (_TEXTS.thinking, _TEXTS.worker_down):
            message.accepted_at = message.accepted_at or time.monotonic()
        else:
            message.refused = f"HTTP {status} {text or said}"

    def _read_callback(self, post: CallbackPost) -> None:
        message = self.addresses.get(post.path_qs)
        if message is None:
            self.journal.misdelivered.append(f"a callback nobody asked for: {post.path_qs}")
            return
        message.late += post.at - message.sent_at > CALLBACK_LIFETIME_S
        if post.shown:
            self._read_bubbles(message, "callback", post.texts, post.quick_replies)
        elif not post.fault:
            self.journal.faults["refused: " + post.receipt["message"]] += 1
            message.refusals.append(post.receipt["message"])
        self._note_fault(message, post)

    def _note_fault(self, message: Message, post: CallbackPost | SlackPost) -> None:
        if post.fault:
            self.journal.faults[str(post.fault)] += 1
        if post.fault in _WITHHELD:
            message.unanswered.append(str(post.fault))
        if post.fault is Fault.RATE_LIMITED:
            message.refused_at.append(post.at)

    def _read_post(self, post: SlackPost) -> None:
        message = self.addresses.get(post.path_qs)
        if message is None:
            self.journal.misdelivered.append(f"a post nobody asked for: {post.path_qs}")
            return
        if post.shown and not self.journal.show(message, "post", post.markdown):
            message.told += [word for sentence, word in _ENDS.items() if sentence in post.markdown]
        self._note_fault(message, post)

    def _read_message(self, post: SlackPost) -> None:
        quote = post.blocks[0].get("text", {}) if post.blocks else {}
        asked = _ASKED.match(quote.get("text", "") if isinstance(quote, dict) else "")
        message = self.journal.messages.get(asked.group(1)) if asked else None
        if message is None or post.channel != channel_of(message.conversation):
            self.journal.misdelivered.append(f"a message nobody asked for in {post.channel}")
            return
        via = "message, sent again" if message.lost_track else "message"
        if post.shown and not self.journal.show(message, via, post.markdown):
            message.told += [word for sentence, word in _ENDS.items() if sentence in post.markdown]
        if post.fault:
            self.journal.faults[str(post.fault)] += 1
        if post.fault in _WITHHELD and post.channel in self.slack.joined:
            message.lost_track.append(str(post.fault))
            self.lost_track[post.message["metadata"]["event_payload"]["turn_id"]] = message
        elif post.fault in _WITHHELD:
            message.unanswered.append(str(post.fault))  # even that the bot is not in got lost
        if post.fault is Fault.RATE_LIMITED:
            message.refused_at.append(post.at)

    def _read_history(self, reading: SlackReading) -> None:
        self.journal.faults["history read"] += 1
        if reading.fault in _WITHHELD or reading.error:
            self.journal.faults["history not read"] += 1
            return
        for turn in reading.turns:
            if turn in self.lost_track:
                self.lost_track[turn].found = True


def channel_of(conversation: str) -> str:
    """Where a Slack conversation takes place."""
    return f"C{int(conversation[1:]) // 2 % _CHANNELS}"


def channels_with_the_bot() -> list[str]:
    """Where the bot may post, and look up what it posted."""
    return [f"C{number}" for number in range(_CHANNELS) if number % _WITHOUT_BOT]


def _bubbles(said: Any) -> list[str]:
    template = said.get("template") if isinstance(said, dict) else None
    outputs = template.get("outputs", []) if template else []
    return [output["simpleText"]["text"] for output in outputs]


def _replies(said: dict[str, Any]) -> list[dict[str, Any]]:
    return list(said["template"].get("quickReplies", []))
