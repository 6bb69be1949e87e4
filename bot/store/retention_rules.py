"""How long turns are kept, for all or for one messenger or tenant; the commits are the caller's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.schema import retention_rules

#: All of them are on one page.
MAX_RULES = 60
#: A century: beyond what dates are counted with.
MAX_DAYS = 36_500


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """A rule; the most specific one that fits a turn counts, and without one it is kept."""

    messenger: str  #: empty: all messengers
    tenant: str  #: empty: all tenants of the messenger
    days: int | None  #: None: for ever
    changed_at: datetime
    changed_by: str


async def list_rules(connection: AsyncConnection) -> list[RetentionRule]:
    """All rules, the general ones first."""
    table = retention_rules.c
    statement = select(retention_rules).order_by(table.messenger, table.tenant).limit(MAX_RULES)
    return [RetentionRule(**row._asdict()) for row in await connection.execute(statement)]


async def find_rule(
    connection: AsyncConnection, messenger: str, tenant: str
) -> RetentionRule | None:
    """The rule of exactly this scope; locked until the commit."""
    table = retention_rules.c
    statement = select(retention_rules).where(table.messenger == messenger, table.tenant == tenant)
    row = (await connection.execute(statement.with_for_update())).one_or_none()
    return RetentionRule(**row._asdict()) if row else None


async def set_rule(
    connection: AsyncConnection, messenger: str, tenant: str, days: int | None, *, by: str
) -> bool:
    """Store a rule in place of the one of the same scope; False: there are too many."""
    table = retention_rules.c
    others = select(func.count()).where((table.messenger != messenger) | (table.tenant != tenant))
    if (await connection.scalar(others) or 0) >= MAX_RULES:
        return False
    changed = {"days": days, "changed_by": by, "changed_at": func.now()}
    new = insert(retention_rules).values(messenger=messenger, tenant=tenant, **changed)
    await connection.execute(
        new.on_conflict_do_update(index_elements=["messenger", "tenant"], set_=changed)
    )
    return True


async def drop_rule(connection: AsyncConnection, messenger: str, tenant: str) -> bool:
    """Delete the rule, so that a more general one counts; False: there is none."""
    table = retention_rules.c
    statement = delete(retention_rules).where(table.messenger == messenger, table.tenant == tenant)
    return bool((await connection.execute(statement)).rowcount)
