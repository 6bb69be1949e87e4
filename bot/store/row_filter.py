"""Statements over many turns' rows, with a filter that excludes or selects some of them.

A row at fault is excluded, so that the statement serves all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, CursorResult, TextClause, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from runtime.direct import AnyConnection, DirectResult


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """All turns but ``excluded``; where ``only`` is set, none but these."""

    only: tuple[UUID, ...] | None = None
    excluded: tuple[UUID, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The filter's parameters for the version of the statement that it selects."""
        if self.only is not None:
            return {"turn_ids": [*self.only]}
        return {"excluded": [*self.excluded]} if self.excluded else {}


ALL_ROWS = RowFilter()


class FilteredStatement:
    """One SQL text in three versions: for all rows, without the excluded ones, for a selection.

    ``template`` holds ``{rows}`` at the place of the filter's condition on ``turn_id``.
    """

    def __init__(
        self,
        template: str,
        *parameters: BindParameter[Any],
        columns: Mapping[str, TypeEngine[Any]] | None = None,
        fragments: Mapping[str, str] | None = None,
        only_fragments: Mapping[str, str] | None = None,
    ) -> None:
        """``fragments`` fill the template's other placeholders, by name.

        ``only_fragments`` replace them in the version for ``RowFilter.only``.
        """

        def version(rows: str, filled: Mapping[str, str], *more: BindParameter[Any]) -> TextClause:
            clause = text(template.format(rows=rows, **filled)).bindparams(*parameters, *more)
            return clause.columns(**columns) if columns else clause  # type: ignore[return-value]

        ids = ARRAY(Uuid)
        self.all = version("", fragments or {})
        self._excluding = version(
            "AND turn_id <> ALL(:excluded)", fragments or {}, bindparam("excluded", type_=ids)
        )
        self._only = version(
            "AND turn_id = ANY(:turn_ids)",
            only_fragments or fragments or {},
            bindparam("turn_ids", type_=ids),
        )

    async def execute(
        self, connection: AnyConnection, rows: RowFilter, values: Mapping[str, Any] | None = None
    ) -> CursorResult[Any] | DirectResult:
        """Run the version that the filter selects."""
        return await connection.execute(self._version(rows), {**(values or {}), **rows.values})

    def _version(self, rows: RowFilter) -> TextClause:
        if rows.only is not None:
            return self._only
        return self._excluding if rows.excluded else self.all
