"""What an hour of work at the dashboard posts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from urllib.parse import urlencode

from benchmarks.visitor import Shown, Visitor
from benchmarks.year_rows import REPLAYS

_QUEUE = "2"
_SCOPE = {"messenger": "slack", "tenant": "T1", "room": "C7"}
_FIELD = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
_POSITION = re.compile(r'name="position" value="(\d+)"')
_VERSION = re.compile(r'name="version" value="(\d+)"')
_SEARCH = re.compile(r'formaction="/admin(/searches/\d+/delete)"')


class Work:
    """The acts of one reviewer who is an admin, each measured without what prepares it."""

    def __init__(self, visitor: Visitor, names: Mapping[str, str]) -> None:
        self._visitor = visitor
        self._names = names
        self._numbers = count(1)

    async def take(self) -> Shown:
        """Reserve the next turn of a queue of which half is judged by this reviewer."""
        return await self._visitor.post(f"/reviews/queues/{_QUEUE}/next")

    async def judge(self) -> Shown:
        return await self._send("save", verdict="bad", reason_wrong="1", note="규정과 다릅니다.")

    async def decline(self) -> Shown:
        return await self._send("decline", note="제 답변입니다.")

    async def skip(self) -> Shown:
        return await self._send("skip")

    async def preview(self) -> Shown:
        return await self._send("preview", verdict="bad", correction="받으신 날부터 14일입니다.")

    async def decide(self) -> Shown:
        shown = await self._versions(f"/reviews/turns/{self._names['disputed']}?queue=1")
        path = f"/reviews/turns/{self._names['disputed']}/verdict"
        return await self._visitor.post(path, queue="1", version=shown[-1], verdict="good")

    async def vote(self) -> Shown:
        page = await self._visitor.get(f"/replays/{REPLAYS}/compare")
        found = _POSITION.search(page.html)
        assert found
        fields = {"position": found[1], "choice": "left"}
        return await self._visitor.post(f"/replays/{REPLAYS}/compare", **fields)

    async def sample(self) -> Shown:
        """A queue of 50; it is closed before the next one, as 100 at most are open."""
        shown = await self._visitor.post(
            "/reviews", name="표본", q="평가:bad", which="random", size="50", reviewers="1",
            minutes="15",
        )  # fmt: skip
        await self._visitor.post(f"{shown.location}/state", state="closed")
        return shown

    async def dataset(self) -> Shown:
        fields = {"name": "환불 안내", "kind": "sft", "q": "날짜:2026-10-31 평가:bad"}
        shown = await self._visitor.post("/datasets", **fields, max_tokens="2048")
        await self._visitor.post(f"{shown.location}/delete")
        return shown

    async def export(self) -> Shown:
        fields = {"list": "turns", "format": "csv", "query": "q=평가:bad", "reason": "월간 점검"}
        shown = await self._visitor.post("/exports", **fields)
        await self._visitor.post(f"{shown.location}/cancel")
        return shown

    async def draft(self) -> Shown:
        page = (await self._visitor.get("/bot-settings/scope?" + urlencode(_SCOPE))).html
        found = dict(_FIELD.findall(page))
        seen = {name: found.get(name, "") for name in ("base", "revision")}
        prompt = f"짧게 답해. {next(self._numbers)}"
        return await self._visitor.post(
            "/bot-settings/draft", system_prompt=prompt, **seen, **_SCOPE
        )

    async def save_search(self) -> Shown:
        return await self._visitor.post("/searches", name="벤치", q="평가:bad")

    async def erase_search(self) -> Shown:
        await self.save_search()
        found = _SEARCH.findall((await self._visitor.get("/")).html)
        return await self._visitor.post(found[0])

    async def unmask(self) -> Shown:
        path = f"/conversations/{self._names['conversation']}"
        shown = await self._visitor.post(f"{path}/unmask", reason="신고 확인")
        await self._visitor.post(f"{path}/mask")
        return shown

    async def block(self) -> Shown:
        path = f"/people/{self._names['person']}"
        shown = await self._visitor.post(f"{path}/block", reason="욕설 반복")
        await self._visitor.post(f"{path}/unblock", reason="해제")
        return shown

    async def _send(self, act: str, **fields: str) -> Shown:
        """The form of the next turn of the queue."""
        taken = await self.take()
        path = taken.location.split("?")[0]
        version = (await self._versions(taken.location))[0]
        return await self._visitor.post(path, queue=_QUEUE, version=version, act=act, **fields)

    async def _versions(self, path: str) -> list[str]:
        """Of the own judgement, then of the adjudicator's word."""
        return _VERSION.findall((await self._visitor.get(path)).html)


#: By their names; each can be done again and again.
ACTS: Mapping[str, Callable[[Work], Awaitable[Shown]]] = {
    "take the next turn": Work.take,
    "judge a turn": Work.judge,
    "decline a turn": Work.decline,
    "skip a turn": Work.skip,
    "look at a correction": Work.preview,
    "decide a disputed turn": Work.decide,
    "vote on a replay": Work.vote,
    "start a sample": Work.sample,
    "order a data set": Work.dataset,
    "order an export": Work.export,
    "save a draft": Work.draft,
    "save a search": Work.save_search,
    "erase a search": Work.erase_search,
    "unmask a conversation": Work.unmask,
    "block a person": Work.block,
}
