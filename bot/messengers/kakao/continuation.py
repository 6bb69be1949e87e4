"""Going on with an answer that the model did not finish: a new turn that continues it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from bot.conversation.inbox import StoreDownError
from bot.domain.turns import Utterance
from bot.messengers.kakao.own_turns import find_own_turn
from bot.messengers.kakao.presses import ContinuePress
from bot.messengers.kakao.skill_request import SkillIncoming
from bot.messengers.kakao.turn_response import DATABASE_TIMEOUT_S
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from bot.store.conversations import ConversationKey
from bot.text.catalog import Texts
from inference_queue.protocol import FinishReason
from runtime.database import DATABASE_ERRORS
from runtime.timeouts import run_with_timeout

#: The stored reasons of an answer that goes on.
_CUT = frozenset({FinishReason.LENGTH.value, FinishReason.DEADLINE.value})


class Continuation:
    """Makes the message that goes on with the newest answer."""

    def __init__(self, services: Services) -> None:
        self._requests = services.requests
        self._database = services.database

    async def begin(
        self, incoming: SkillIncoming, press: ContinuePress, texts: Texts
    ) -> Utterance | str:
        """The message that goes on, or a sentence in its place.

        The typed word is an ordinary message if nothing was cut and nothing is at work. Only the
        newest answer goes on: the model would read the later turns before an earlier one. Another
        person's is logged.
        Raises StoreDownError.
        """
        draft = incoming.message
        key = ConversationKey(
            messenger=draft.messenger, tenant=draft.tenant, key=draft.conversation_key
        )
        newest = await self._requests.newest_turn(key)
        if newest and newest.event_key == draft.event_key:
            return draft  # sent again: the inbox knows it
        is_cut = newest is not None and newest.finish_reason in _CUT
        if newest and is_cut and press.turn_id in (None, newest.id):
            if not await self._requests.take_turn(key, newest, event_key=draft.event_key):
                return texts.conversation_full
            prompt = words_for(texts).continue_prompt
            # After a silence too it belongs to the conversation that it goes on with.
            return replace(draft, prompt=prompt, continues=newest.id, idle_after_s=None)
        if press.turn_id is not None:
            await self._log_foreign(press.turn_id, incoming)
        if newest and not newest.settled:
            return texts.conversation_full
        return draft if press.turn_id is None else words_for(texts).nothing_to_continue

    async def _log_foreign(self, turn_id: UUID, incoming: SkillIncoming) -> None:
        try:
            finding = find_own_turn(self._database, turn_id, incoming)
            await run_with_timeout(DATABASE_TIMEOUT_S, finding)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error
