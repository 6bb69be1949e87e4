"""What people on Kakao do beside asking: they judge answers, stop them, and ask for help."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from chaos.deeds import Ballot, Judgement, Stop
from chaos.journal import Journal, Message
from chaos.notices import Notices
from fakes.kakao import skill_request
from runtime.tasks import TaskSet

#: Of answers: that are judged; of those: changed, pressed twice, judged by somebody else.
SHARE_JUDGED, SHARE_CHANGED, SHARE_TWICE, SHARE_FOREIGN = 0.3, 0.3, 0.2, 0.15
#: Of messages: whose answer is stopped by a word or a quick reply, after which help is asked for.
SHARE_STOPPED, SHARE_HELPED = 0.06, 0.05
#: A press that failed is repeated.
MAX_TRIES = 4
HELP, STOP = "도움말", "그만"

Request = Callable[[dict[str, Any]], Awaitable[tuple[int, Any]]]
Reply = dict[str, Any]


class KakaoDeeds:
    """Everybody's deeds on Kakao."""

    def __init__(
        self, journal: Journal, request: Request, notices: Notices, rng: random.Random
    ) -> None:
        self._journal = journal
        self._request = request
        self._notices = notices
        self._rng = rng
        self._tasks = TaskSet()
        self._judged: list[Reply] = []  #: buttons of other people's answers

    def after_sending(self, message: Message) -> None:
        """Stop the answer a little later, or ask for help, or neither."""
        if self._rng.random() < SHARE_STOPPED:
            self._tasks.start(self._stop(message.conversation), name="stop")
        elif self._rng.random() < SHARE_HELPED:
            self._tasks.start(self._ask_for_help(message.conversation), name="help")

    def see_replies(self, message: Message, replies: list[Reply]) -> None:
        """Judge an answer that came with these quick replies, or not."""
        buttons = {reply["extra"]["vote"]: reply for reply in replies if _is_vote(reply)}
        if len(buttons) == 2 and self._rng.random() < SHARE_JUDGED:
            self._tasks.start(self._judge(message.conversation, buttons), name="judge")

    async def wait(self) -> None:
        """Wait until all deeds that were begun are done."""
        await self._tasks.wait()

    async def close(self) -> None:
        """Do nothing more."""
        await self._tasks.cancel()

    async def _judge(self, person: str, buttons: dict[str, Reply]) -> None:
        await self._pause()
        vote = self._rng.choice(("good", "bad"))
        await self._vote(person, buttons[vote])
        if self._rng.random() < SHARE_TWICE:
            await self._vote(person, buttons[vote])
        if self._rng.random() < SHARE_CHANGED:
            await self._vote(person, buttons["bad" if vote == "good" else "good"])
        if self._judged and self._rng.random() < SHARE_FOREIGN:
            await self._vote_on_anothers(person, self._rng.choice(self._judged))
        self._judged.append(buttons["good"])

    async def _vote(self, person: str, reply: Reply) -> None:
        extra = reply["extra"]
        press = skill_request(reply["messageText"], person, None, extra)
        ballot = self._journal.ballots.setdefault((extra["turn"], voter_of(press)), Ballot())
        reasons = frozenset({extra["reason"]} if "reason" in extra else ())
        for _ in range(MAX_TRIES):
            status, response = await self._request(press)
            texts = "\n".join(_bubbles(response)) if status == 200 else ""
            taken = self._says(texts, "vote_thanks") or self._says(texts, "vote_reason")
            ballot.give(Judgement(extra["vote"], reasons), acknowledged=taken)
            if taken:
                self._journal.deeds[f"votes on Kakao: {extra['vote']}"] += 1
                break
            self._journal.deeds["votes on Kakao: not taken"] += 1
        else:
            return
        asked = [each for each in _replies(response) if "reason" in each.get("extra", ())]
        if asked and self._rng.random() < 0.7:
            await self._pause()
            await self._vote(person, self._rng.choice(asked))

    async def _vote_on_anothers(self, person: str, reply: Reply) -> None:
        press = skill_request(reply["messageText"], person, None, reply["extra"])
        key = (reply["extra"]["turn"], voter_of(press))
        if key not in self._journal.ballots:
            self._journal.ballots[key] = Ballot(foreign=True)
            self._journal.deeds["votes on Kakao: foreign"] += 1
            await self._request(press)

    async def _stop(self, person: str) -> None:
        await self._pause()
        stop = Stop(conversation=person, way="word", sent_at=time.monotonic())
        self._journal.stops.append(stop)
        word = self._rng.choice((STOP, f"/{STOP}", "stop"))
        extra = {"command": "stop"} if self._rng.random() < 0.3 else None
        status, response = await self._request(skill_request(word, person, None, extra))
        texts = "\n".join(_bubbles(response)) if status == 200 else ""
        stop.acknowledged = self._says(texts, "stop_done") or self._says(texts, "nothing_to_stop")
        stop.ended_at, stop.acknowledged_at = time.monotonic(), time.time()
        self._journal.deeds["stopped on Kakao"] += stop.acknowledged

    async def _ask_for_help(self, person: str) -> None:
        await self._pause()
        status, response = await self._request(skill_request(HELP, person, None))
        helped = status == 200 and self._says("\n".join(_bubbles(response)), "help")
        self._journal.deeds["helped on Kakao"] += helped

    def _says(self, text: str, name: str) -> bool:
        return any(sentence in text for sentence in self._notices.sentences(name))

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.uniform(0.2, 2.0))


def voter_of(request: dict[str, Any]) -> str:
    """The name by which the log knows the person of a request."""
    return str(request["userRequest"]["user"]["id"])


def _is_vote(reply: Reply) -> bool:
    extra = reply.get("extra", {})
    return "vote" in extra and "turn" in extra and "reason" not in extra


def _bubbles(response: Any) -> list[str]:
    outputs = response.get("template", {}).get("outputs", []) if response else []
    return [each["simpleText"]["text"] for each in outputs if "simpleText" in each]


def _replies(response: Any) -> list[Reply]:
    return list(response.get("template", {}).get("quickReplies", [])) if response else []
