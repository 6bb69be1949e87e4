"""Slack's installations in Postgres: slack_sdk's store, encrypted, one current row each.

The bot's token stands in ``slack_bots`` alone, so that a rotation changes one row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from logging import getLogger

from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.installation_store.sqlalchemy import (
    AsyncSQLAlchemyInstallationStore,
    SQLAlchemyInstallationStore,
)
from sqlalchemy import (
    ColumnElement,
    Delete,
    MetaData,
    Table,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.store.encrypted_text import EncryptedText, SecretCipher
from bot.store.installation_tables import bots_table, installations_table

_OF_A_BOT = ("client_id", "enterprise_id", "team_id")
_OF_A_PERSON = (*_OF_A_BOT, "user_id")


class Installations(AsyncSQLAlchemyInstallationStore):
    """The installations of one app, by its client id.

    Every method raises DATABASE_ERRORS; the finders of slack_sdk raise UnreadableSecretError too.
    """

    def __init__(self, client_id: str, engine: AsyncEngine, cipher: SecretCipher) -> None:
        self.client_id = client_id
        self.engine = engine
        self.metadata = MetaData()
        secret = EncryptedText(cipher)
        self.bots = bots_table(self.metadata, secret)
        self.installations = installations_table(self.metadata, secret)
        self._logger = getLogger("slack_sdk")

    async def async_save(self, installation: Installation) -> None:
        """Keep a new installation, and delete the rows that it replaces."""
        row = Installation(**installation.to_dict_for_copying())
        row.bot_token = row.bot_refresh_token = None
        await super().async_save(row)
        await self.async_save_bot(installation.to_bot())
        async with self.engine.begin() as connection:
            place = installation.enterprise_id, installation.team_id
            for table, keys in ((self.bots, _OF_A_BOT), (self.installations, _OF_A_PERSON)):
                at_place = self._at(table, *place)
                await connection.execute(_replaced(table, keys).where(at_place))

    async def async_save_bot(self, bot: Bot) -> None:
        """Keep the bot's token, where there is one."""
        if bot.bot_token:
            await super().async_save_bot(bot)

    async def find_at(self, team: str, enterprise: str = "") -> Bot | None:
        """The newest installation in a workspace, else in all workspaces of its organisation.

        A team's id is unique: its organisation need not be known. Empty texts count as unknown.
        """
        table = self.bots
        at_team = table.c.team_id == team
        whole = and_(table.c.team_id.is_(None), table.c.enterprise_id == enterprise)
        query = (
            table.select()
            .where(table.c.client_id == self.client_id, or_(at_team, whole))
            .order_by(table.c.team_id.is_(None), table.c.installed_at.desc())
            .limit(1)
        )
        async with self.engine.connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else SQLAlchemyInstallationStore.build_bot_entity(row)

    async def replace_token(self, bot: Bot) -> bool:
        """Store the rotated token of this installation; False where it is gone meanwhile."""
        table, values = self.bots, bot.to_dict()
        changed = {
            name: values[name]
            for name in ("bot_token", "bot_refresh_token", "bot_token_expires_at")
        }
        same = table.c.installed_at == values["installed_at"]
        place = self._at(table, bot.enterprise_id, bot.team_id)
        async with self.engine.begin() as connection:
            found = await connection.execute(update(table).where(place, same).values(**changed))
            return found.rowcount > 0

    async def erase(
        self,
        enterprise: str | None,
        team: str | None,
        until: datetime,
        people: Collection[str] | None = None,
    ) -> int:
        """Delete what was installed up to ``until``, the time of Slack's event; the row count.

        Without a team the installation in the whole organisation; a team's id is unique, and the
        workspace may have joined an organisation since.
        ``people``: only these people's installations, and not the bot's. An event may come late,
        when the app is installed again already.
        """
        tables = [self.installations] if people is not None else [self.bots, self.installations]
        count = 0
        async with self.engine.begin() as connection:
            for table in tables:
                place = self._at(table, enterprise, None) if team is None else self._of(table, team)
                erased = delete(table).where(place, table.c.installed_at <= until)
                if people is not None:
                    erased = erased.where(table.c.user_id.in_(people))
                count += (await connection.execute(erased)).rowcount
        return count

    @asynccontextmanager
    async def rotation_lock(self, place: str, *, wait: bool) -> AsyncIterator[bool]:
        """Whether this process alone may rotate the token of ``place``, among all bots.

        ``wait``: until the other one is done; else False at once. Postgres lets go of it when the
        process dies.
        """
        key = func.hashtextextended(f"slack-token/{self.client_id}/{place}", 0)
        async with self.engine.begin() as connection:
            if wait:
                await connection.execute(select(func.pg_advisory_xact_lock(key)))
                yield True
            else:
                yield bool(await connection.scalar(select(func.pg_try_advisory_xact_lock(key))))

    def _of(self, table: Table, team: str) -> ColumnElement[bool]:
        return and_(table.c.client_id == self.client_id, table.c.team_id == team)

    def _at(self, table: Table, enterprise: str | None, team: str | None) -> ColumnElement[bool]:
        return and_(
            table.c.client_id == self.client_id,
            table.c.enterprise_id.is_not_distinct_from(enterprise),
            table.c.team_id.is_not_distinct_from(team),
        )


def _replaced(table: Table, keys: Sequence[str]) -> Delete:
    """Deletes the rows that have a newer one with the same keys."""
    newer = table.alias("newer")
    same = [table.c[key].is_not_distinct_from(newer.c[key]) for key in keys]
    is_newer = tuple_(newer.c.installed_at, newer.c.id) > tuple_(table.c.installed_at, table.c.id)
    return delete(table).where(exists(select(newer.c.id).where(*same, is_newer)))
