"""Asks questions with a draft's settings and with the live ones, as jobs of the background lane.

Nothing of it is a turn: no statistic counts it, and no person's conversation holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.conversation.prompt import Prompt, PromptBuilder
from bot.domain.bot_config import BotConfig, Scope
from bot.domain.sandbox import SandboxAnswer, SandboxQuestion, SandboxSide
from bot.store import sandbox
from bot.store.history_cache import Exchange
from inference_queue.background import client
from inference_queue.background.protocol import BackgroundResult, Target, Unreadable
from inference_queue.protocol import Completion, Failure, Job, Message, Role

#: Of one user, in all chats.
MAX_OPEN = 4


class TooManyOpenError(Exception):
    """The user waits for MAX_OPEN answers already, or for one of this chat."""


class Sandbox:
    """The chats of all users."""

    def __init__(
        self, database: AsyncEngine, prompts: PromptBuilder, *, history_turns: int
    ) -> None:
        """``history_turns``: the deployment's maximum of earlier turns in a prompt."""
        self._database = database
        self._prompts = prompts
        self._history_turns = history_turns

    async def read(self, owner: str, scope: Scope) -> list[SandboxQuestion]:
        """The chat, the oldest question first, with the answers that have come by now."""
        async with self._database.begin() as connection:
            questions = await sandbox.read_chat(connection, owner, scope)
            if not any(question.is_open for question in questions):
                return questions
            for question in questions:
                if question.is_open:
                    await _collect(connection, question)
            return await sandbox.read_chat(connection, owner, scope)

    async def ask(
        self, connection: AsyncConnection, owner: str, scope: Scope, text: str,
        settings: Mapping[SandboxSide, BotConfig],
    ) -> None:  # fmt: skip
        """Ask with the settings of each side, after its own earlier answers.

        Raises TooManyOpenError.
        """
        await sandbox.lock(connection, owner)
        chat = await sandbox.read_chat(connection, owner, scope)
        waiting = await sandbox.count_open(connection, owner)
        if waiting + len(settings) > MAX_OPEN or any(question.is_open for question in chat):
            raise TooManyOpenError
        batch_id, jobs, answers = uuid4(), [], []
        for side, values in settings.items():
            prompt = self._compose(values, scope, _earlier(chat, side), text)
            # The prefix of one side's prompts is the same from question to question.
            key = f"sandbox:{owner}:{scope}:{side}"
            job = Job(
                id=uuid4(),
                messages=prompt.messages,
                sampling=prompt.sampling,
                cache_key=key,
                adapter=prompt.adapter,
            )
            jobs.append(job)
            answers.append(SandboxAnswer(side=side, job_id=job.id, preset=prompt.preset))
        await sandbox.add(connection, owner, scope, text, batch_id, answers)
        await client.enqueue(connection, batch_id, jobs, Target())
        for gone in await sandbox.trim(connection, owner, scope):
            await client.cancel(connection, gone)

    async def clear(self, connection: AsyncConnection, owner: str, scope: Scope) -> None:
        """Delete the chat, and stop what is still to be answered."""
        for batch_id in await sandbox.clear(connection, owner, scope):
            await client.cancel(connection, batch_id)

    async def give_up(self, connection: AsyncConnection, owner: str, scope: Scope) -> None:
        """Delete what waits for an answer, and keep the rest of the chat."""
        for batch_id in await sandbox.give_up(connection, owner, scope):
            await client.cancel(connection, batch_id)

    def _compose(
        self, values: BotConfig, scope: Scope, earlier: Sequence[Exchange], text: str
    ) -> Prompt:
        history = earlier[-self._history_turns :] if self._history_turns else []
        return self._prompts.compose(values, scope.messenger, history, Message(Role.USER, text))


async def _collect(connection: AsyncConnection, question: SandboxQuestion) -> None:
    if not await sandbox.hold(connection, question.id):
        return
    known = {answer.job_id: answer for answer in question.answers}
    for done in await client.take_finished(connection, question.batch_id, len(known)):
        if done.id in known:
            await sandbox.settle(connection, _settled(known[done.id], done.result))


def _settled(answer: SandboxAnswer, result: BackgroundResult | Unreadable) -> SandboxAnswer:
    if isinstance(result, Completion):
        return SandboxAnswer(
            side=answer.side,
            job_id=answer.job_id,
            preset=answer.preset,
            answer=result.text,
            outcome=result.finish_reason.value,
            completion_tokens=result.completion_tokens,
            total_ms=None if result.total_ms is None else round(result.total_ms),
        )
    reason = result.reason.value if isinstance(result, Failure) else "unreadable"
    return SandboxAnswer(
        side=answer.side, job_id=answer.job_id, preset=answer.preset, outcome=reason
    )


def _earlier(chat: Sequence[SandboxQuestion], side: SandboxSide) -> list[Exchange]:
    """The answered questions of a side, the oldest first."""
    answers = [(question, question.answer_of(side)) for question in chat]
    return [
        Exchange(mark="", text=question.question, answer=answer.answer)
        for question, answer in answers
        if answer and answer.answer
    ]
