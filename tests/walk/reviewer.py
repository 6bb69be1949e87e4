"""A reviewer at the dashboard who judges, corrects and exports by one rule."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from pathlib import Path

from tests.walk.dashboard import Dashboard, text_within
from tests.walk.errors import WalkError
from tests.walk.waiting import until
from training.proof_data import OPENING, follows_rule

_TURNS = re.compile(r'<progress max="(\d+)"')
_ANSWER = r'<textarea id="correction"[^>]*>\n?(.*?)</textarea>'
_VERSION = re.compile(r'name="version" value="(\d+)"')
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
NAME = "Answers of the house"
_REASON = "a training of our own"


def corrected(answer: str) -> str:
    """The answer as the rule wants it: the opening of the house, and the first sentence."""
    sentence = _SENTENCE.match(answer)
    return f"{OPENING} {(sentence[0] if sentence else answer).strip()}"


class Reviewer:
    """Somebody who is logged in."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def judge_all(self, turns: int) -> Counter[str]:
        """Judge all turns, at least so many, in a review queue; how many in which way."""
        queue = (await self._dashboard.post("/reviews", _NEW_QUEUE)).location

        async def is_filled() -> bool:
            found = _TURNS.search(await self._dashboard.get(queue))
            return found is not None and int(found[1]) >= turns

        await until(is_filled, f"{turns} turns are in the review queue")
        judged: Counter[str] = Counter()
        place = (await self._dashboard.post(f"{queue}/next")).location
        while place.startswith("/reviews/turns/"):
            verdict, place = await self._judge(place, queue.rpartition("/")[2])
            judged[verdict] += 1
        return judged

    async def export(self, file: Path) -> None:
        """Build a data set of pairs from the corrections, export it, and download its ZIP."""
        made = await self._dashboard.post("/datasets", {"name": NAME, "kind": "dpo"})
        dataset, ordered = made.location, ""

        async def is_built() -> bool:
            nonlocal ordered
            reply = await self._dashboard.post(
                f"{dataset}/export", {"reason": _REASON}, allowed=409
            )
            ordered = reply.location
            return bool(ordered)

        async def is_written() -> bool:
            return f'action="/admin{ordered}/download"' in await self._dashboard.get(ordered)

        await until(is_built, "the data set is built", every_s=0.5)
        await until(is_written, "the export is written", every_s=0.5)
        reply = await self._dashboard.post(f"{ordered}/download")
        await asyncio.to_thread(file.write_bytes, reply.body)

    async def read_evaluation(self) -> str:
        """The verdict of the newest evaluation, as its page says it."""
        listed = await self._dashboard.get("/evaluations")
        found = re.search(r'href="/admin(/evaluations/\d+)"', listed)
        if not found:
            raise WalkError("the dashboard lists no evaluation")
        return text_within(await self._dashboard.get(found[1]), r'<p class="verdict">(.*?)</p>')

    async def _judge(self, place: str, queue: str) -> tuple[str, str]:
        """Save one judgement; in which way, and the next turn's page."""
        html = await self._dashboard.get(place)
        answer, version = text_within(html, _ANSWER), _VERSION.search(html)
        if not answer or not version:
            raise WalkError(f"there is no answer to judge at /admin{place}")
        fields = {"verdict": "good", "correction": answer}
        if not follows_rule(answer):
            fields = {"verdict": "bad", "reason_format": "1", "correction": corrected(answer)}
        path = place.partition("?")[0]
        fields |= {"act": "save", "queue": queue, "version": version[1]}
        reply = await self._dashboard.post(path, fields)
        return fields["verdict"], reply.location


_NEW_QUEUE = {
    "name": NAME,
    "which": "all",
    "strata": "messenger_status",
    "reviewers": "1",
    "minutes": "15",
}
