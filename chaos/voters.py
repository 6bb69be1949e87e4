"""People in Slack who judge answers: they press, change their minds, press again, give reasons."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from typing import Any

from bot.messengers.slack.controls import NOTE_BLOCK, REASONS_BLOCK, VOTE_ACTION
from chaos.deeds import Ballot, Judgement
from chaos.journal import Journal, Message
from chaos.screens import BotPost
from chaos.slack_events import SlackSender
from chaos.thread_clients import user_of
from fakes.slack import SlackPlatform
from runtime.tasks import TaskSet

#: Of answers: that are judged; of those: changed, pressed twice, judged from another room.
SHARE_JUDGED, SHARE_CHANGED, SHARE_TWICE, SHARE_FOREIGN = 0.4, 0.3, 0.2, 0.15
SHARE_WITH_REASONS = 0.7
#: A press that Slack shows as failed is repeated.
MAX_TRIES = 4
#: The wait for the form.
_FORM_S, _POLL_S = 2.0, 0.1
_REASONS = ("wrong", "unhelpful", "korean")


class Voters:
    """Everybody who judges."""

    def __init__(
        self, journal: Journal, sender: SlackSender, platform: SlackPlatform, rng: random.Random
    ) -> None:
        self._journal = journal
        self._sender = sender
        self._platform = platform
        self._rng = rng
        self._judging = TaskSet()
        self._judged: list[BotPost] = []
        self._hands: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  #: by person

    def see_answer(self, post: BotPost, message: Message) -> None:
        """Judge an answer, or not."""
        if message.shown and self._rng.random() < SHARE_JUDGED:
            self._judging.start(self._judge(post, user_of(message.conversation)), name="judge")

    async def wait(self) -> None:
        """Wait until all who began to judge have done so."""
        await self._judging.wait()

    async def close(self) -> None:
        """Stop judging."""
        await self._judging.cancel()

    async def _judge(self, post: BotPost, user: str) -> None:
        await asyncio.sleep(self._rng.uniform(0.2, 2.0))
        async with self._hands[user]:
            vote = self._rng.choice(("good", "bad"))
            await self._vote(post, user, vote)
            if self._rng.random() < SHARE_TWICE:
                await self._vote(post, user, vote)
            if self._rng.random() < SHARE_CHANGED:
                await self._vote(post, user, "bad" if vote == "good" else "good")
            if self._rng.random() < SHARE_FOREIGN:
                await self._vote_from_elsewhere(post, user)
        self._judged.append(post)

    async def _vote(self, post: BotPost, user: str, vote: str) -> None:
        ballot = self._journal.ballots.setdefault((post.turn_id, user), Ballot())
        for _ in range(MAX_TRIES):
            payload = self._pressed(post, user, vote)
            if payload is None:
                return
            acknowledged = await self._press(payload)
            ballot.give(Judgement(vote), acknowledged=acknowledged)
            self._journal.deeds[f"votes: {vote}"] += acknowledged
            if acknowledged:
                break
        if vote == "bad":
            await self._fill_in_form(post, user, ballot)

    async def _vote_from_elsewhere(self, post: BotPost, user: str) -> None:
        """Press a button that names an answer of a room in which the person is not."""
        other = [each for each in self._judged if each.room != post.room]
        payload = self._pressed(post, user, "good")
        if not other or payload is None:
            return
        foreign = self._rng.choice(other)
        payload["actions"][0]["value"] = f"good:{foreign.turn_id}"
        ballot = self._journal.ballots.setdefault((foreign.turn_id, user), Ballot())
        ballot.foreign = True
        self._journal.deeds["votes: foreign"] += await self._press(payload)

    async def _fill_in_form(self, post: BotPost, user: str, ballot: Ballot) -> None:
        """Give reasons, where the form opens, and perhaps close it."""
        modals = self._platform.workspace.views.modals
        for _ in range(round(_FORM_S / _POLL_S)):
            if modals.get(user):
                break
            await asyncio.sleep(_POLL_S)
        own = [each for each in modals.get(user, ()) if post.turn_id in str(each.content)]
        if own and own[-1] is modals[user][-1] and self._rng.random() < SHARE_WITH_REASONS:
            await self._send_form(user, ballot)
        self._platform.workspace.views.close(user, all_of_them=True)

    async def _send_form(self, user: str, ballot: Ballot) -> None:
        reasons = self._rng.sample(_REASONS, self._rng.randrange(3))
        note = self._rng.choice(("", "조금 더 자세했으면 좋겠어요."))
        chosen = {"selected_options": [{"value": reason} for reason in reasons]}
        values = {REASONS_BLOCK: {REASONS_BLOCK: chosen}, NOTE_BLOCK: {NOTE_BLOCK: {"value": note}}}
        payload = self._platform.people.submit(user, values)
        judgement = Judgement("bad", frozenset(reasons), note)
        for _ in range(MAX_TRIES):
            status, answer = await self._sender.press(payload)
            taken = status == 200 and not answer
            ballot.give(judgement, acknowledged=taken)
            self._journal.deeds["forms"] += taken
            if taken:
                return

    async def _press(self, payload: dict[str, Any]) -> bool:
        status, _ = await self._sender.press(payload)
        return status == 200

    def _pressed(self, post: BotPost, user: str, vote: str) -> dict[str, Any] | None:
        """A press of the button below the answer; None: it has none."""
        value = f"{vote}:{post.turn_id}"
        try:
            return self._platform.people.press(user, post.room, post.ts, VOTE_ACTION, value)
        except LookupError:
            self._journal.deeds["answers without buttons"] += 1
            return None
