"""What a list must tell to be exported: its columns, who may have it, and its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.dashboard_users import Role
from bot.domain.exports import ExportFormat

#: Moments are aware.
Cell = str | int | float | datetime | None
Row = Sequence[Cell]

#: The formats of lists of rows.
TABLES = (ExportFormat.CSV, ExportFormat.XLSX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of a list, and where the next ones begin."""

    rows: Sequence[Row]
    head: Sequence[Row] = ()  #: written before them, and not counted
    people: frozenset[str] = frozenset()  #: whose words they hold: digests (Person.key)
    after: str = ""  #: empty: there are no more


class ExportedList(Protocol):
    """A list that can be exported: masked as its page is."""

    @property
    def name(self) -> str:
        """Its name in the database, and that of its page's route."""

    @property
    def label(self) -> str:
        """Its name for people: Korean, a key of the catalog."""

    @property
    def role(self) -> Role:
        """Who may export it."""

    @property
    def formats(self) -> Sequence[ExportFormat]:
        """What it can be exported as."""

    @property
    def columns(self) -> Sequence[str]:
        """The names of its columns: Korean, keys of the catalog."""

    def problem(self, query: Mapping[str, str]) -> str:
        """A sentence about what cannot be read of the page's URL; empty: nothing."""

    async def page(self, database: AsyncEngine, query: Mapping[str, str], after: str) -> Page:
        """The rows behind ``after``, which is empty at the beginning. Raises database errors."""


#: All of them, by name.
LISTS = web.AppKey("LISTS", Mapping[str, ExportedList])
