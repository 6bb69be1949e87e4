"""What a page about one scope knows of it: what is live, who drafts, what is inherited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from bot.admin.bot_settings.comparison import masked_values
from bot.admin.bot_settings.inherited import DEPLOYMENT, Inherited, inherited_values
from bot.admin.bot_settings.readers import Spread, spread_of
from bot.admin.bot_settings.scopes import is_reviewer
from bot.admin.login.identity import USER
from bot.admin.web.pages import DATABASE
from bot.configs.keys import KEYS, usable_values
from bot.domain.bot_config import Scope
from bot.privacy.masking_thread import run_masking
from bot.store import bot_configs, config_drafts, config_readers
from bot.store.bot_configs import StoredConfig
from bot.store.config_drafts import Draft, DraftMention

#: Drafts of others that a page names.
MAX_OTHERS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One scope, as one user sees it."""

    scope: Scope
    chain: list[StoredConfig]  #: the live rows of the scope and of those around it
    draft: Draft | None  #: the user's own
    others: list[DraftMention]
    inherited: Mapping[str, Inherited]
    spread: Spread

    @property
    def row(self) -> StoredConfig | None:
        """The scope's own live version."""
        return next((row for row in self.chain if row.scope == self.scope), None)

    @property
    def version(self) -> int:
        """The scope's own live version; 0: none."""
        return self.row.version if self.row else 0

    @property
    def live(self) -> dict[str, Any]:
        """What the scope itself sets now."""
        return usable_values(self.row.values)[0] if self.row else {}

    @property
    def ignored(self) -> list[str]:
        """The keys of the live version that this program cannot use."""
        return sorted(usable_values(self.row.values)[1]) if self.row else []

    @property
    def is_outdated(self) -> bool:
        """Whether somebody has published since the draft was begun."""
        return self.draft is not None and self.draft.base_version != self.version


async def read_desk(request: web.Request, scope: Scope) -> Desk:
    """What is known of the scope now.

    Who may edit the texts reads them as they are; for all others they are masked.
    """
    user = request[USER].name
    async with request.app[DATABASE].connect() as connection:
        chain = await bot_configs.at_version(connection, scope.chain)
        draft = await config_drafts.find(connection, user, scope)
        newest = await bot_configs.newest_version(connection)
        readers = await config_readers.living(connection)
        all_drafts = await config_drafts.list_for(connection, scope, limit=MAX_OTHERS + 1)
    if not is_reviewer(request):
        chain = await run_masking(lambda: [_without_personal_data(row) for row in chain])
    return Desk(
        scope=scope,
        chain=chain,
        draft=draft,
        others=[one for one in all_drafts if one.owner != user][:MAX_OTHERS],
        inherited=inherited_values(request.app[DEPLOYMENT], scope, chain, KEYS),
        spread=spread_of(newest, readers),
    )


def _without_personal_data(row: StoredConfig) -> StoredConfig:
    return replace(row, values=masked_values(row.values))
