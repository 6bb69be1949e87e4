"""People on Kakao: they write, read bubbles and callbacks, and press the buttons they get."""

from __future__ import annotations

import asyncio
import json
import random
import time
from datetime import UTC, datetime
from typing import Any

from bot.messengers.kakao.platform_limits import CALLBACK_LIFETIME_S, SKILL_TIMEOUT_S
from bot.messengers.kakao.presses import FETCH_KEY
from bot.messengers.kakao.simulated_requests import as_photo
from bot.messengers.kakao.skill_events import callback_url_of, event_key
from bot.store.deliveries import AGAIN_AFTER_S
from chaos import photos
from chaos.bot_client import BotClient
from chaos.cluster import KAKAO_SECRET
from chaos.journal import Journal, Message, utterance
from chaos.kakao_deeds import KakaoDeeds
from chaos.notices import Notices
from chaos.outcomes import record_fault
from fakes.kakao import CallbackPost, KakaoPlatform, skill_request
from fakes.kakao_pictures import PictureHost

_SHARE_WITHOUT_CALLBACK = 0.15
_SHARE_AGAIN, _AGAIN = 0.08, "다시"


class KakaoClients:
    """Everybody on Kakao."""

    def __init__(
        self,
        journal: Journal,
        bots: BotClient,
        platform: KakaoPlatform,
        notices: Notices,
        rng: random.Random,
        *,
        with_deeds: bool,
        photos: PictureHost | None,
    ) -> None:
        """``with_deeds``: every bot knows the commands and votes; an older one asks the model.

        ``photos``: where people's photos are; None: they send none.
        """
        self._journal = journal
        self._notices = notices
        self._bots = bots
        self._platform = platform
        self._rng = rng
        self._messages_by_path: dict[str, Message] = {}  #: of callback URLs
        self._pressing: set[asyncio.Task[None]] = set()
        self._newest: dict[str, Message] = {}  #: by conversation
        self._with_deeds = with_deeds
        self._photos = photos
        self._with_photos: set[str] = set()  #: conversations
        self.deeds = KakaoDeeds(journal, self._request, notices, rng)

    async def write(self, message: Message) -> None:
        """Send a message, or ask the newest one again, and read the responses."""
        url = self._new_callback_url(message)
        message.asks_again = self._to_ask_again(message.conversation)
        self._newest[message.conversation] = message
        text = _AGAIN if message.asks_again else utterance(message)
        body = self._as_photo(message, skill_request(text, message.conversation, url))
        # Kakao never repeats a request, but a proxy may; the URL identifies the repetition.
        copies = self._bots.draw_deliveries() if url else 1
        responses = await asyncio.gather(*(self._request(body) for _ in range(copies)))
        for status, response in responses:
            self._read_response(message, status, response, url)
        if self._with_deeds:
            self.deeds.after_sending(message)

    def read_callback(self, post: CallbackPost) -> None:
        """Read a POST to a callback URL."""
        message = self._messages_by_path.get(post.path_qs)
        if message is None:
            self._journal.misdelivered.append(f"a callback nobody asked for: {post.path_qs}")
            return
        message.late += post.at - message.sent_at > CALLBACK_LIFETIME_S
        if post.shown:
            self._read_bubbles(message, "callback", post.texts, post.quick_replies)
        elif not post.fault:
            self._journal.faults["refused: " + post.receipt["message"]] += 1
            message.refusals.append(post.receipt["message"])
        record_fault(self._journal, message, post.fault, post.at)

    async def close(self) -> None:
        """Stop pressing buttons."""
        await self.deeds.close()
        for task in self._pressing:
            task.cancel()
        await asyncio.gather(*self._pressing, return_exceptions=True)

    def _as_photo(self, message: Message, request: dict[str, Any]) -> dict[str, Any]:
        """The request, of some messages as a photo that shows the message's name.

        The log knows them by their callback URL alone.
        """
        url = callback_url_of(request)
        if self._photos is None or message.asks_again or not photos.is_photo(self._rng) or not url:
            return request
        message.is_photo, message.event_key = True, event_key(request, datetime.now(UTC))
        self._with_photos.add(message.conversation)
        self._journal.deeds["photos on Kakao"] += 1
        return as_photo(request, self._photos.publish(photos.drawn(message)))

    def _to_ask_again(self, conversation: str) -> str:
        """The newest message, which has its answer and now has to get another; "": none."""
        newest = self._newest.get(conversation)
        known = self._with_deeds and newest is not None and newest.ended
        # A photo is kept for its answer alone, and a burst may have one.
        if (
            newest is None
            or not known
            or conversation in self._with_photos
            or self._rng.random() >= _SHARE_AGAIN
        ):
            return ""
        self._journal.deeds["asked again on Kakao"] += 1
        return newest.question

    def _new_callback_url(self, message: Message) -> str | None:
        if self._rng.random() < _SHARE_WITHOUT_CALLBACK:
            return None
        url = self._platform.new_callback_url(acknowledged=False)
        self._messages_by_path[url.removeprefix(self._platform.origin)] = message
        return url

    async def _request(self, body: dict[str, Any]) -> tuple[int, Any]:
        headers = {"X-Bot-Secret": KAKAO_SECRET, "Content-Type": "application/json"}
        encoded = json.dumps(body).encode()
        return await self._bots.post("/webhooks/kakao", encoded, headers, SKILL_TIMEOUT_S)

    def _read_response(self, message: Message, status: int, response: Any, url: str | None) -> None:
        texts = _bubbles(response) if status == 200 else []
        if status != 200 or self._notices.is_not_accepted(texts):
            message.rejection = f"HTTP {status} {texts or response}"
            return
        if message.asks_again and self._notices.refuses_again(texts):
            message.rejection = f"HTTP 200 {texts}"
            return
        if message.is_photo and photos.is_refused(texts):
            message.rejection = f"HTTP 200 {texts}"
            return
        message.accepted_at = message.accepted_at or time.monotonic()
        if response.get("useCallback") and url:
            self._platform.acknowledge(url)
            return
        self._read_bubbles(message, "sync", texts, _quick_replies(response))

    def _read_bubbles(
        self, message: Message, via: str, texts: list[str], replies: list[dict[str, Any]]
    ) -> None:
        # Nobody here begins a new conversation, or asks for help.
        fetching = [reply for reply in replies if FETCH_KEY in reply.get("extra", ())]
        fetch_labels = self._notices.sentences("fetch_label")
        held = [reply for reply in fetching if reply["label"] in fetch_labels]
        for reply in fetching:
            self._take_button(message, reply, is_earlier=reply not in held)
        if held:
            return
        if stopped := self._notices.stopped("\n".join(texts)):
            self._journal.tell(message, stopped)
            return
        if self._journal.show(message, via, "\n".join(texts)):
            if self._with_deeds:
                self.deeds.see_replies(message, replies)
            return
        self._journal.tell(message, self._notices.final(texts))
        message.forbidden += self._notices.forbidden(texts)

    def _take_button(self, message: Message, reply: dict[str, Any], *, is_earlier: bool) -> None:
        if is_earlier:
            press = self._press_earlier(message, reply)
        elif message.has_button:
            return
        else:
            message.has_button = True
            press = self._press_until_shown(message, reply)
        task = asyncio.create_task(press)
        self._pressing.add(task)
        task.add_done_callback(self._pressing.discard)

    async def _press_earlier(self, message: Message, reply: dict[str, Any]) -> None:
        """Press a later answer's button if an answer without its own button is missing."""
        await self._pause()
        siblings = self._journal.by_conversation()[message.conversation]
        if any(m.accepted_at and not m.ended and not m.has_button for m in siblings):
            status, response = await self._request(_press(message, reply))
            texts = _bubbles(response) if status == 200 else []
            if stopped := self._notices.stopped("\n".join(texts)):
                self._journal.tell_somebody(message.conversation, stopped)
            else:
                self._journal.show(message, "button", "\n".join(texts))

    async def _press_until_shown(self, message: Message, reply: dict[str, Any]) -> None:
        """Press until the answer is shown: again after "not yet" and after an error.

        Once more after "shown already": of two presses in quick succession the first one counts,
        and its response may have been lost.
        """
        body = _press(message, reply)
        doubted = False
        while True:
            await self._pause()
            if message.ended or message.forbidden:
                return
            status, response = await self._request(body)
            if status != 200 or self._notices.is_not_accepted(_bubbles(response)):
                continue
            shown_already = self._notices.sentences("held_delivered_already")
            if shown_already & {*_bubbles(response)} and not doubted:
                doubted = True
                await asyncio.sleep(AGAIN_AFTER_S)
                continue
            self._read_bubbles(message, "button", _bubbles(response), _quick_replies(response))

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(0.3, 3.0))


def _press(message: Message, reply: dict[str, Any]) -> dict[str, Any]:
    return skill_request(reply["messageText"], message.conversation, None, reply["extra"])


def _bubbles(response: Any) -> list[str]:
    template = response.get("template") if isinstance(response, dict) else None
    outputs = template.get("outputs", []) if template else []
    return [output["simpleText"]["text"] for output in outputs if "simpleText" in output]


def _quick_replies(response: dict[str, Any]) -> list[dict[str, Any]]:
    return list(response["template"].get("quickReplies", []))
