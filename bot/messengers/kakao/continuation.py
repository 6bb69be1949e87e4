"""Going on with an answer that the model did not finish: a new turn that continues it."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.turns import Utterance
from bot.messengers.kakao.presses import ContinuePress
from bot.messengers.kakao.words import words_for
from bot.messengers.plugin import Services
from bot.store.conversations import ConversationKey
from bot.text.catalog import Texts
from inference_queue.protocol import FinishReason

#: The stored reasons of an answer that goes on.
_CUT = frozenset({FinishReason.LENGTH.value, FinishReason.DEADLINE.value})


class Continuation:
    """Makes the message that goes on with the newest answer."""

    def __init__(self, services: Services) -> None:
        self._requests = services.requests

    async def begin(self, draft: Utterance, press: ContinuePress, texts: Texts) -> Utterance | str:
        """The message that goes on, or a sentence in its place.

        The typed word is an ordinary message if nothing was cut. Only the newest answer goes on:
        the model would read the later turns before an earlier one.
        Raises StoreDownError.
        """
        key = ConversationKey(
            messenger=draft.messenger, tenant=draft.tenant, key=draft.conversation_key
        )
        newest = await self._requests.newest_turn(key)
        is_cut = newest is not None and newest.finish_reason in _CUT
        if newest and is_cut and press.turn_id in (None, newest.id):
            if not await self._requests.take_turn(key, newest):
                return texts.conversation_full
            prompt = words_for(texts).continue_prompt
            return replace(draft, prompt=prompt, continues=newest.id)
        if press.turn_id is None:
            return draft
        if newest and not newest.settled:
            return texts.conversation_full
        return words_for(texts).nothing_to_continue
