"""People on KakaoTalk: each asks the bot through its skill webhook, and reads the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import ClientSession

from fakes.kakao import KakaoPlatform, skill_request
from tests.walk.errors import WalkError
from tests.walk.waiting import until

#: People who wait for an answer at the same time.
AT_ONCE = 8
#: What the button for another answer says.
AGAIN = "다시"


class People:
    """Everybody who writes to one bot."""

    def __init__(self, http: ClientSession, kakao: KakaoPlatform, origin: str, secret: str) -> None:
        self._http = http
        self._kakao = kakao
        self._url = f"{origin}/webhooks/kakao"
        self._headers = {"X-Bot-Secret": secret}
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def ask_all(self, questions: Sequence[str], *, again_every: int) -> int:
        """Ask each question as somebody else; how many people asked for another answer.

        One in ``again_every`` does. Raises WalkError.
        """
        asking = (
            self._converse(f"person-{at}", question, again=at % again_every == 0)
            for at, question in enumerate(questions)
        )
        return sum(await asyncio.gather(*asking))

    async def ask(self, person: str, text: str) -> str:
        """What the person sees behind the question. Raises WalkError."""
        url = self._kakao.new_callback_url(acknowledged=False)
        body = skill_request(text, user=person, callback_url=url)
        async with self._http.post(self._url, json=body, headers=self._headers) as response:
            if response.status != 200:
                raise WalkError(f"the webhook answered {response.status}")
            shown: dict[str, Any] = await response.json()
        if shown.get("useCallback"):
            self._kakao.acknowledge(url)
            shown = await self._called_back(url)
        return "\n".join(
            output["simpleText"]["text"]
            for output in shown["template"]["outputs"]
            if "simpleText" in output
        )

    async def _converse(self, person: str, question: str, *, again: bool) -> bool:
        async with self._at_once:
            await self.ask(person, question)
            if again:
                await self.ask(person, AGAIN)
        return again

    async def _called_back(self, url: str) -> dict[str, Any]:
        path = url.removeprefix(self._kakao.origin)
        found: list[dict[str, Any]] = []

        async def has_come() -> bool:
            found.extend(post.json for post in self._kakao.shown if post.path_qs == path)
            return bool(found)

        await until(has_come, "the answer at the callback URL")
        return found[0]
