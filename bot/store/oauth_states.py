"""The states of installations that have begun: one use each, for ten minutes, by any bot."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from logging import getLogger

from slack_sdk.oauth.state_store.sqlalchemy import AsyncSQLAlchemyOAuthStateStore
from sqlalchemy import MetaData, delete, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.functions import count

from bot.store.installation_tables import states_table

STATE_LIFE_S = 600
#: The maximum of installations that have begun: strangers may begin them too.
MAX_STATES = 10_000


class TooManyStatesError(Exception):
    """``MAX_STATES`` installations have begun within their ten minutes."""


class OAuthStates(AsyncSQLAlchemyOAuthStateStore):
    """slack_sdk's store with one statement each.

    slack_sdk reads a state before it deletes it, so two requests at once may both use it, and it
    takes a database that is gone for a wrong state.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self.expiration_seconds = STATE_LIFE_S
        self.engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.metadata = MetaData()
        self.oauth_states = states_table(self.metadata)
        self._logger = getLogger("slack_sdk")

    async def async_issue(self, *_: object, **__: object) -> str:
        """A new state. Raises TooManyStatesError, DATABASE_ERRORS."""
        state, table = secrets.token_urlsafe(32), self.oauth_states
        expire_at = datetime.now(UTC) + timedelta(seconds=STATE_LIFE_S)
        begun = select(count()).select_from(table).scalar_subquery()
        row = select(
            literal(state, table.c.state.type), literal(expire_at, table.c.expire_at.type)
        ).where(begun < MAX_STATES)
        async with self.engine.connect() as connection:
            statement = insert(table).from_select(["state", "expire_at"], row)
            if (await connection.execute(statement)).rowcount != 1:
                raise TooManyStatesError
        return state

    async def async_consume(self, state: str) -> bool:
        """Whether the state was issued, is not too old and was never used; it is used now."""
        if not re.fullmatch(r"[\w-]{43}", state, re.ASCII):
            return False
        table = self.oauth_states
        used = delete(table).where(table.c.state == state, table.c.expire_at > datetime.now(UTC))
        async with self.engine.connect() as connection:
            return (await connection.execute(used)).rowcount == 1

    async def forget_expired(self) -> int:
        """Delete expired states; their number."""
        table = self.oauth_states
        async with self.engine.connect() as connection:
            expired = delete(table).where(table.c.expire_at <= datetime.now(UTC))
            return (await connection.execute(expired)).rowcount
