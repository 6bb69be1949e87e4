"""Statements over many turns' rows that can leave out, or be confined to, some of them.

A row at fault is left out, so that the statement serves all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, CursorResult, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """All turns but ``excluded``; where ``only`` is set, none but these."""

    only: tuple[UUID, ...] | None = None
    excluded: tuple[UUID, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of the statement's version that this filter chooses."""
        if self.only is not None:
            return {"turn_ids": [*self.only]}
        return {"excluded": [*self.excluded]} if self.excluded else {}


ALL_ROWS = RowFilter()


class FilteredStatement:
    """One SQL text in three versions, so that the usual one carries no filter.

    ``template`` holds ``{rows}`` where further conditions on ``turn_id`` may stand.
    """

    def __init__(
        self,
        template: str,
        *parameters: BindParameter[Any],
        columns: Mapping[str, TypeEngine[Any]] | None = None,
        only_words: Mapping[str, str] | None = None,
        words: Mapping[str, str] | None = None,
    ) -> None:
        """``words`` and ``only_words`` fill further places of the template."""

        def version(rows: str, filled: Mapping[str, str], *more: BindParameter[Any]) -> TextClause:
            clause = text(template.format(rows=rows, **filled)).bindparams(*parameters, *more)
            return clause.columns(**columns) if columns else clause  # type: ignore[return-value]

        ids = ARRAY(Uuid)
        self.all = version("", words or {})
        self._excluding = version(
            "AND turn_id <> ALL(:excluded)", words or {}, bindparam("excluded", type_=ids)
        )
        self._only = version(
            "AND turn_id = ANY(:turn_ids)",
            only_words or words or {},
            bindparam("turn_ids", type_=ids),
        )

    async def execute(
        self, connection: AsyncConnection, rows: RowFilter, values: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run the version that the filter chooses."""
        if rows.only is not None:
            statement = self._only
        else:
            statement = self._excluding if rows.excluded else self.all
        return await connection.execute(statement, {**(values or {}), **rows.values})
