"""How a judged turn becomes an item, or why it does not: pure, masked, without I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.admin.datasets.identity import item_id, split_of, text_hash
from bot.admin.datasets.judged import Answered, Judged
from bot.domain.datasets import DatasetKind, LeftOut, Source
from bot.domain.turns import TurnStatus, has_visible
from bot.privacy.masking import mask
from bot.store.datasets.items import Item
from bot.store.datasets.sources import Exchange

#: An answer that ended by itself; null: an older bot did not say.
_WHOLE = (None, "stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answers of an item."""

    better: str
    worse: str = ""  #: DPO alone
    source: Source
    other: Answered | None = None  #: whose answer one of the two is


def make_item(judged: Judged, kind: DatasetKind, *, loose: bool) -> Item | LeftOut:
    """The item of a turn, or the reason why there is none."""
    question = _question(judged)
    if isinstance(question, LeftOut):
        return question
    choice = _sft(judged) if kind is DatasetKind.SFT else _dpo(judged)
    if isinstance(choice, LeftOut):
        return choice
    if not has_visible(question) or not has_visible(choice.better):
        return LeftOut.EMPTY
    return _item(judged, kind, question, choice, loose=loose)


def _question(judged: Judged) -> str | LeftOut:
    """What the model was asked, in the person's own words."""
    turn = judged.turn
    if judged.opted_out:
        return LeftOut.OPTED_OUT
    if judged.is_borrowed:
        return LeftOut.OTHERS_WORDS
    if turn.has_media:
        return LeftOut.PICTURES
    if turn.continues:
        return LeftOut.CONTINUED
    if turn.prompt is None:
        return turn.text
    burst = "\n".join([*(one.text for one in judged.merged), turn.text])
    is_own = all(one.sender == turn.sender for one in judged.merged)
    return turn.prompt if is_own and burst == turn.prompt else LeftOut.OTHERS_WORDS


def _sft(judged: Judged) -> Choice | LeftOut:
    """The corrected answer where there is one, else one that was called good."""
    answered = judged.answered
    if answered.correction:
        return Choice(better=answered.correction, source=Source.CORRECTION)
    if answered.score <= 0 or not _is_whole(answered):
        return LeftOut.NOT_GOOD
    source = Source.REVIEW if answered.is_reviewed else Source.VOTE
    return Choice(better=answered.turn.answer or "", source=source)


def _dpo(judged: Judged) -> Choice | LeftOut:
    """The correction before the answer, or of two answers the better one."""
    answered, replaced = judged.answered, judged.replaced
    answer = answered.turn.answer or ""
    if answered.correction and has_visible(answer):
        choice = Choice(better=answered.correction, worse=answer, source=Source.CORRECTION)
    elif replaced and _is_answered(answered) and _is_answered(replaced):
        ordered = _ordered(answered, replaced)
        if ordered is None or not _is_whole(ordered[0]):
            return LeftOut.NO_PAIR
        choice = Choice(
            better=ordered[0].turn.answer or "",
            worse=ordered[1].turn.answer or "",
            source=Source.REGENERATION,
            other=replaced,
        )
    else:
        return LeftOut.NO_PAIR
    same = text_hash(choice.better, loose=False) == text_hash(choice.worse, loose=False)
    return LeftOut.NO_PAIR if same else choice


def _ordered(later: Answered, earlier: Answered) -> tuple[Answered, Answered] | None:
    """The better and the worse one; None: both are called good, or both bad.

    Where nobody judged either, the later one counts: the person asked again, and kept it.
    """
    if later.score == earlier.score != 0:
        return None
    return (later, earlier) if later.score >= earlier.score else (earlier, later)


def _is_answered(answered: Answered) -> bool:
    turn = answered.turn
    return turn.status == TurnStatus.ANSWERED and has_visible(turn.answer or "")


def _is_whole(answered: Answered) -> bool:
    return answered.turn.finish_reason in _WHOLE and _is_answered(answered)


def _item(judged: Judged, kind: DatasetKind, question: str, choice: Choice, *, loose: bool) -> Item:
    turn, history = judged.turn, own_history(judged)
    answers = [choice.better, choice.worse] if kind is DatasetKind.DPO else [choice.better]
    name = item_id(kind, turn.id)
    masked = [mask(answer) for answer in answers]
    return Item(
        id=name,
        turn_id=turn.id,
        first_turn_id=history[0].id if history else turn.id,
        other_turn_id=choice.other.turn.id if choice.other else None,
        person=turn.person.key,
        split=split_of(turn.conversation_id),
        source=choice.source,
        content={"id": name, **_content(kind, _messages(history, question), masked)},
        hash=text_hash(question, *answers, loose=loose),
        model=turn.model or "",
        preset=turn.preset or "",
        config_version=turn.config_version,
    )


def own_history(judged: Judged) -> list[Exchange]:
    """What the person and the model said before, the oldest first; others' words end it."""
    history: list[Exchange] = []
    for exchange in judged.history:
        if exchange.sender != judged.turn.sender or exchange.is_mixed:
            break
        history.append(exchange)
    return history[::-1]


def _messages(history: Sequence[Exchange], question: str) -> list[Mapping[str, str]]:
    messages: list[Mapping[str, str]] = []
    for exchange in history:
        messages.append({"role": "user", "content": mask(exchange.text)})
        messages.append({"role": "assistant", "content": mask(exchange.answer)})
    return [*messages, {"role": "user", "content": mask(question)}]


def _content(
    kind: DatasetKind, messages: list[Mapping[str, str]], answers: Sequence[str]
) -> dict[str, Any]:
    """The columns by which TRL knows a conversational data set (dataset formats)."""
    said = [{"role": "assistant", "content": answer} for answer in answers]
    if kind is DatasetKind.SFT:
        return {"messages": [*messages, *said]}
    return {"prompt": messages, "chosen": said[:1], "rejected": said[1:]}
