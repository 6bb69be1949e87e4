"""The form that orders a replay, read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.admin.replay.engines import read_engine
from bot.admin.search.fields import Field
from bot.admin.turns.filters import read_search
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.configs.keys import MAX_TYPED_PROMPT_CHARS
from bot.domain.replays import ReplayOptions
from bot.domain.turns import clean_text, has_visible
from bot.store.replays.orders import MAX_TURNS, NewReplay
from inference_queue.presets import PRESETS
from inference_queue.protocol import MAX_NEW_TOKENS

MAX_NAME_CHARS = 60
MAX_QUERY_CHARS = 800
DEFAULT_TURNS = 200
#: The longest prompt in percent-encoded UTF-8, nine bytes a syllable, and some room.
MAX_ORDER_BYTES = 9 * MAX_TYPED_PROMPT_CHARS + 16 * 1024

_BAD_NAME = "이름은 1자에서 {count}자까지 쓸 수 있습니다."
_BAD_NUMBER = "{field}에는 {low}부터 {high}까지의 수를 써 주세요."
_BAD_CHOICE = "알 수 없는 조건입니다. 목록에서 골라 주세요."
NO_DATASET = "다시 물어볼 데이터 세트를 찾을 수 없거나, 아직 다 만들어지지 않았습니다."
NO_EVALUATION = "다시 물어볼 평가를 찾을 수 없거나, 대화 기록에서 온 질문이 없습니다."
_TOO_LONG = "{field}에는 {count}자까지 쓸 수 있습니다."

FIELDS = (
    "q", "name", "engine", "preset", "system_prompt", "temperature", "top_p", "max_new_tokens",
    "seed", "max_turns", "dataset", "evaluation",
)  # fmt: skip


class UnreadableOrderError(ValueError):
    """The form cannot be read; the text is a sentence for its author."""


def read_order(form: Mapping[str, str], author: str, fields: Sequence[Field]) -> NewReplay:
    """What is ordered; ``fields``: of its search. Raises UnreadableOrderError."""
    name = " ".join(clean_text(form.get("name", "")).split())
    if not has_visible(name) or len(name) > MAX_NAME_CHARS:
        raise UnreadableOrderError(_(_BAD_NAME, count=MAX_NAME_CHARS))
    max_turns = _whole(form, "max_turns", _("질문 수"), 1, MAX_TURNS)
    dataset_id = whole_number(form.get("dataset", ""))
    if form.get("dataset") and not dataset_id:
        raise UnreadableOrderError(_(NO_DATASET))
    evaluation_id = whole_number(form.get("evaluation", ""))
    if form.get("evaluation") and (dataset_id or not evaluation_id):
        raise UnreadableOrderError(_(NO_EVALUATION))
    return NewReplay(
        name=name,
        author=author,
        query="" if dataset_id or evaluation_id else _query(form, fields),
        dataset_id=dataset_id,
        evaluation_id=evaluation_id,
        max_turns=max_turns or DEFAULT_TURNS,
        options=_options(form),
    )


def _query(form: Mapping[str, str], fields: Sequence[Field]) -> str:
    """The search. One that is read in part would ask other turns again than those meant."""
    query = _text(form, "q", _("검색"), MAX_QUERY_CHARS)
    problems = read_search({"q": query}, fields, datetime.now(UTC)).problems
    if problems:
        raise UnreadableOrderError("; ".join(f"{one.token}: {one.reason}" for one in problems))
    return query


def _options(form: Mapping[str, str]) -> ReplayOptions:
    preset = form.get("preset", "")
    if preset and preset not in PRESETS:
        raise UnreadableOrderError(_(_BAD_CHOICE))
    try:
        target = read_engine(form.get("engine", ""))
    except ValueError as error:
        raise UnreadableOrderError(_(_BAD_CHOICE)) from error
    return ReplayOptions(
        target=target,
        preset=preset or None,
        system_prompt=_text(form, "system_prompt", _("시스템 프롬프트"), MAX_TYPED_PROMPT_CHARS)
        or None,
        temperature=_number(form, "temperature", "temperature", 0, 10),
        top_p=_number(form, "top_p", "top_p", 0.01, 1),
        max_new_tokens=_whole(form, "max_new_tokens", _("답변의 최대 토큰"), 1, MAX_NEW_TOKENS),
        seed=_whole(form, "seed", _("난수 시드"), 0, 2**31 - 1),
    )


def _text(form: Mapping[str, str], name: str, label: str, most: int) -> str:
    text = clean_text(form.get(name, "").replace("\r\n", "\n")).strip()
    if len(text) > most:
        raise UnreadableOrderError(_(_TOO_LONG, field=label, count=f"{most:,}"))
    return text


def _number(
    form: Mapping[str, str], name: str, label: str, low: float, high: float
) -> float | None:
    raw = form.get(name, "").strip()
    if not raw:
        return None
    try:
        number = float(raw)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise UnreadableOrderError(_(_BAD_NUMBER, field=label, low=f"{low:,}", high=f"{high:,}"))
    return number


def _whole(form: Mapping[str, str], name: str, label: str, low: int, high: int) -> int | None:
    number = _number(form, name, label, low, high)
    return None if number is None else int(number)
