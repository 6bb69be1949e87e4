"""One run of ``python -m bot config``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.config_command import output
from bot.config_command.arguments import (
    WrongArgumentsError,
    read_author,
    read_changes,
    read_note,
    scope_of,
)
from bot.configs import versions
from bot.configs.reader import MAX_SCOPES
from bot.configs.versions import Change, NoSuchVersionError, Origin, TooManyScopesError
from bot.configuration import Configuration
from bot.domain.bot_config import Scope
from runtime.database import connect_unpooled

#: A statement's time-out: ``set`` waits for another one that runs.
STATEMENT_S = 10.0


async def run(configuration: Configuration, arguments: argparse.Namespace) -> str:
    """What to print. Raises WrongArgumentsError, ValueError for the URL, database errors."""
    scope = scope_of(arguments, [messenger.name for messenger in configuration.messengers])
    # Files are read before anything is locked.
    changes = read_changes(arguments.assignments) if arguments.action == "set" else {}
    url = configuration.settings.database_url.get_secret_value()
    database = connect_unpooled(url, statement_s=STATEMENT_S)
    try:
        async with database.begin() as connection:
            if arguments.action in ("show", "history"):
                return await _read(connection, scope, arguments)
            change = await _write(connection, scope, arguments, changes)
    finally:
        await database.dispose()
    if arguments.json:
        return output.change_json(change)
    return output.change_lines(change) if change else output.unchanged_lines(scope)


async def _read(connection: AsyncConnection, scope: Scope, arguments: argparse.Namespace) -> str:
    if arguments.action == "show":
        shown = await versions.show(connection, scope, arguments.version)
        return output.shown_json(shown) if arguments.json else output.shown_lines(shown)
    found = await versions.history(connection, scope, arguments.limit)
    return output.history_json(found) if arguments.json else output.history_lines(scope, found)


async def _write(
    connection: AsyncConnection,
    scope: Scope,
    arguments: argparse.Namespace,
    changes: Mapping[str, object],
) -> Change | None:
    origin = Origin(author=read_author(arguments), note=read_note(arguments))
    try:
        if arguments.action == "rollback":
            return await versions.restore(connection, scope, arguments.version, origin)
        return await versions.change(connection, scope, changes, origin)
    except NoSuchVersionError:
        raise WrongArgumentsError(f"{scope} never had version {arguments.version}.") from None
    except TooManyScopesError:
        sentence = f"There are {MAX_SCOPES:,} scopes, and no more may be added."
        raise WrongArgumentsError(sentence) from None
