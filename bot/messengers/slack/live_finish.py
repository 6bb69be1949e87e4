"""The end of answers that were written live: by calls that may be repeated."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from bot.domain.deliveries import DeliveryResult, Outcome
from bot.domain.posts import PostState
from bot.messengers.slack.answer_part import AnswerPart, PartLayout
from bot.messengers.slack.api import ApiResult, SlackApi
from bot.messengers.slack.live_answers import LiveAnswers
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.refusals import may_take_plain_text
from bot.messengers.slack.status import StatusLine

_GONE, _STREAMS = "message_not_found", "streaming_state_conflict"
#: Slack has ended the stream itself: a person pressed its stop, or its time was over.
_ENDED = "message_not_in_streaming_state"
#: What ends the agent's session with its stream; and the refusal of a field that is not known.
_SESSION_OVER, _NOT_TAKEN = {"session_status": "active"}, "invalid_arguments"
#: The message cannot be changed: it is gone, or the workspace closes messages to edits.
_UNCHANGEABLE = frozenset({_GONE, "cant_update_message", "edit_window_closed", "update_failed"})
#: Slack's words for the state of the message, which plain text does not change.
_OF_THE_STATE = _UNCHANGEABLE | {_STREAMS}


class LiveFinish:
    """Lets growing messages show what the log says."""

    def __init__(
        self,
        layout: PartLayout,
        api: SlackApi,
        post_log: PostLog,
        live: LiveAnswers,
        status: StatusLine,
    ) -> None:
        self._layout = layout
        self._api = api
        self._posts = post_log
        self._live = live
        self._status = status

    def own_stream(self, turn_id: UUID) -> str | None:
        """The stream of the turn that this bot writes."""
        return self._live.stream(turn_id)

    async def finish(self, part: AnswerPart, ts: str, state: PostState) -> DeliveryResult | None:
        """Let the message ``ts`` show the part; None: it is gone, for it cannot be changed."""
        if state is PostState.STREAMING and (ended := await self._end_stream(part, ts)):
            return ended
        result = ApiResult(outcome=Outcome.REFUSED, detail="", document={})
        for message in self._layout.messages(part):
            result = await self._update(part, ts, message)
            if not may_take_plain_text(result.delivery) or result.error in _OF_THE_STATE:
                break
            part.warn(result)
        if result.error in _UNCHANGEABLE:
            # It makes room for a new one.
            await self._call("chat.delete", _place(part, ts), part)
            return None
        if not result.ok:
            refused = result.outcome is Outcome.REFUSED and result.error != _STREAMS
            return result.delivery if refused else _again(result)
        return await self._finished(part, ts)

    async def _update(self, part: AnswerPart, ts: str, message: dict[str, Any]) -> ApiResult:
        document = {**_place(part, ts), **message, "metadata": part.metadata}
        return await self._call("chat.update", document, part)

    async def _end_stream(self, part: AnswerPart, ts: str) -> DeliveryResult | None:
        """End a stream with the rest of its text; None: the message is still to be replaced."""
        ended = await self._end_as_shown(part, ts)
        if ended and ended.ok:
            return await self._finished(part, ts)
        if ended and ended.outcome is not Outcome.REFUSED:
            # It is not known whether it was taken: the next attempt replaces the message.
            return _again(ended)
        if ended and ended.error == _ENDED:
            return None
        stopped = await self._call("chat.stopStream", _place(part, ts), part)
        return None if stopped.ok or stopped.error else _again(stopped)

    async def _end_as_shown(self, part: AnswerPart, ts: str) -> ApiResult | None:
        """Append what a stream of this bot lacks, once; None: it is not known what it shows.

        A message that is replaced would be marked as edited.
        """
        shown = await self._live.take(part.answer.turn_id, ts) if part.count == 1 else None
        if shown is None or not part.markdown.startswith(shown):
            return None
        document: dict[str, Any] = {
            **_place(part, ts),
            "blocks": self._layout.below(part),
            "metadata": part.metadata,
        }
        if rest := part.markdown[len(shown) :]:
            document["markdown_text"] = rest
        if not self._status.is_at_work(part.room):
            return await self._call("chat.stopStream", document, part)
        result = await self._call("chat.stopStream", {**document, **_SESSION_OVER}, part)
        if result.error == _NOT_TAKEN:
            return await self._call("chat.stopStream", document, part)
        if result.ok:
            self._status.ended(part.room)
        return result

    async def _finished(self, part: AnswerPart, ts: str) -> DeliveryResult:
        finished = await self._posts.finish(part, ts)
        return DeliveryResult(
            outcome=Outcome.DELIVERED, detail=f"finished at {ts}", finished=finished
        )

    async def _call(self, method: str, document: dict[str, Any], part: AnswerPart) -> ApiResult:
        return await self._api.call(method, document, team=part.room.team, keep_alive=True)


def _place(part: AnswerPart, ts: str) -> dict[str, Any]:
    return {"channel": part.room.channel, "ts": ts}


def _again(result: ApiResult) -> DeliveryResult:
    """What was asked may be asked again: it has the same effect."""
    return DeliveryResult(
        outcome=Outcome.RETRY,
        detail=result.detail,
        retry_after_s=result.retry_after_s,
        tried=result.tried,
    )
