"""The form that orders a data set, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.admin.search.fields import Field
from bot.admin.search.query import parse
from bot.admin.web.language import translate as _
from bot.admin.web.numbers import whole_number
from bot.domain.datasets import DatasetKind
from bot.domain.turns import clean_text, has_visible
from bot.store.datasets.sets import Recipe
from inference_queue.presets import PRESETS

MAX_NAME_CHARS = 60
MAX_QUERY_CHARS = 800
MIN_TOKENS, MAX_TOKENS, DEFAULT_TOKENS = 16, 131_072, 2048

_NO_NAME = "이름은 1자에서 {count}자까지 쓸 수 있습니다."
_TOO_LONG = "{count}자가 넘는 검색으로는 만들 수 없습니다."
_NO_KIND = "데이터 세트의 종류를 목록에서 골라 주세요."
_NO_PRESET = "토큰을 검사할 프리셋을 목록에서 골라 주세요."
_BAD_TOKENS = "최대 토큰은 {least}에서 {most}까지의 수입니다."


class BadRecipe(ValueError):
    """An invalid form; the text is a sentence for the reader."""


def read_recipe(form: Mapping[str, str], fields: Sequence[Field]) -> Recipe:
    """What the form orders. Raises BadRecipe."""
    name, query = (" ".join(clean_text(form.get(key, "")).split()) for key in ("name", "q"))
    kind, preset = form.get("kind", ""), form.get("preset", "")
    if not has_visible(name) or len(name) > MAX_NAME_CHARS:
        raise BadRecipe(_(_NO_NAME, count=MAX_NAME_CHARS))
    if len(query) > MAX_QUERY_CHARS:
        raise BadRecipe(_(_TOO_LONG, count=MAX_QUERY_CHARS))
    if kind not in set(DatasetKind):
        raise BadRecipe(_(_NO_KIND))
    if preset and preset not in PRESETS:
        raise BadRecipe(_(_NO_PRESET))
    if problems := parse(query, fields).problems:
        raise BadRecipe("; ".join(f"{one.token}: {one.reason}" for one in problems))
    return Recipe(
        name=name,
        kind=DatasetKind(kind),
        query=query,
        loose=form.get("loose") == "1",
        preset=preset,
        max_tokens=_tokens(form.get("max_tokens", "")),
    )


def _tokens(raw: str) -> int:
    if not raw:
        return DEFAULT_TOKENS
    tokens = whole_number(raw, 8)
    if tokens is not None and MIN_TOKENS <= tokens <= MAX_TOKENS:
        return tokens
    raise BadRecipe(_(_BAD_TOKENS, least=f"{MIN_TOKENS:,}", most=f"{MAX_TOKENS:,}"))
