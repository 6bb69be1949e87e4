"""One run of ``python -m bot config``."""

from __future__ import annotations

import argparse

from bot.config_command import actions, output
from bot.config_command.arguments import read_author, read_changes, read_scope
from bot.configuration import Configuration
from runtime.database import connect_unpooled

#: A statement's time-out: ``set`` waits for another one that runs.
STATEMENT_S = 10.0


async def run(configuration: Configuration, arguments: argparse.Namespace) -> str:
    """What to print. Raises WrongArgumentsError, ValueError for the URL, database errors."""
    scope = read_scope(arguments, (messenger.name for messenger in configuration.messengers))
    # Files are read before anything is locked.
    changes = read_changes(arguments.assignments) if arguments.action == "set" else {}
    url = configuration.settings.database_url.get_secret_value()
    database = connect_unpooled(url, statement_s=STATEMENT_S)
    try:
        async with database.begin() as connection:
            if arguments.action == "show":
                shown = await actions.show(connection, scope, arguments.version)
                return output.shown_json(shown) if arguments.json else output.shown_lines(shown)
            if arguments.action == "history":
                found = await actions.history(connection, scope, arguments.limit)
                if arguments.json:
                    return output.history_json(found)
                return output.history_lines(scope, found)
            author = read_author(arguments)
            change = await actions.change(connection, scope, changes, author=author)
    finally:
        await database.dispose()
    if arguments.json:
        return output.change_json(change)
    return output.change_lines(change) if change else output.unchanged_lines(scope)
