"""Drafts of settings: one by scope and user, never read by bots. The commits are the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.bot_config import Scope
from bot.store.schema import config_drafts

#: Of one user.
MAX_DRAFTS = 100
_NEW_REVISION = {"revision": text("gen_random_uuid()"), "saved_at": func.now()}


class TooManyDraftsError(Exception):
    """The user has MAX_DRAFTS already."""


class DraftChangedError(Exception):
    """The draft was saved or discarded elsewhere since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """All that a scope shall set, as one user prepares it."""

    owner: str
    scope: Scope
    values: Mapping[str, Any]
    base_version: int  #: the scope's version that the draft began with; 0: none
    revision: UUID  #: another one after each save
    saved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftMention:
    """A draft without its values, which may be long."""

    owner: str
    scope: Scope
    saved_at: datetime


async def find(
    connection: AsyncConnection, owner: str, scope: Scope, *, lock: bool = False
) -> Draft | None:
    """The user's draft for the scope. ``lock``: until the transaction ends."""
    statement = select(config_drafts).where(_is_of(owner, scope))
    row = (await connection.execute(statement.with_for_update() if lock else statement)).first()
    return _draft(row) if row else None


async def add(
    connection: AsyncConnection,
    owner: str,
    scope: Scope,
    values: Mapping[str, Any],
    *,
    base_version: int,
) -> None:
    """Add the user's first draft for the scope. Raises DraftChangedError, TooManyDraftsError."""
    count = select(func.count()).where(config_drafts.c.owner == owner)
    if (await connection.scalar(count) or 0) >= MAX_DRAFTS:
        raise TooManyDraftsError
    row = {"owner": owner, **scope._asdict(), "values": dict(values), "base_version": base_version}
    added = await connection.execute(insert(config_drafts).values(row).on_conflict_do_nothing())
    if not added.rowcount:
        raise DraftChangedError


async def save(
    connection: AsyncConnection,
    draft: Draft,
    values: Mapping[str, Any],
    *,
    base_version: int | None = None,
) -> None:
    """Give the draft other values, and perhaps another base. Raises DraftChangedError."""
    base = draft.base_version if base_version is None else base_version
    new = {"values": dict(values), "base_version": base, **_NEW_REVISION}
    if not (await connection.execute(update(config_drafts).where(_is(draft)).values(new))).rowcount:
        raise DraftChangedError


async def discard(connection: AsyncConnection, draft: Draft) -> None:
    """Delete the draft as it was read. Raises DraftChangedError."""
    if not (await connection.execute(delete(config_drafts).where(_is(draft)))).rowcount:
        raise DraftChangedError


async def list_of(connection: AsyncConnection, owner: str) -> list[DraftMention]:
    """The user's drafts, the newest first."""
    return await _mentions(connection, config_drafts.c.owner == owner, limit=MAX_DRAFTS)


async def list_for(connection: AsyncConnection, scope: Scope, *, limit: int) -> list[DraftMention]:
    """Everybody's drafts for the scope, the newest first."""
    return await _mentions(connection, _is_for(scope), limit=limit)


async def _mentions(
    connection: AsyncConnection, which: ColumnElement[bool], *, limit: int
) -> list[DraftMention]:
    table = config_drafts.c
    columns = (table.owner, table.messenger, table.tenant, table.room, table.saved_at)
    newest = select(*columns).where(which).order_by(table.saved_at.desc()).limit(limit)
    return [
        DraftMention(
            owner=row.owner,
            scope=Scope(row.messenger, row.tenant, row.room),
            saved_at=row.saved_at,
        )
        for row in await connection.execute(newest)
    ]


def _is_for(scope: Scope) -> ColumnElement[bool]:
    return and_(*(config_drafts.c[name] == part for name, part in scope._asdict().items()))


def _is_of(owner: str, scope: Scope) -> ColumnElement[bool]:
    return and_(config_drafts.c.owner == owner, _is_for(scope))


def _is(draft: Draft) -> ColumnElement[bool]:
    return and_(_is_of(draft.owner, draft.scope), config_drafts.c.revision == draft.revision)


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        owner=row.owner,
        scope=Scope(row.messenger, row.tenant, row.room),
        values=row._mapping["values"],
        base_version=row.base_version,
        revision=row.revision,
        saved_at=row.saved_at,
    )
