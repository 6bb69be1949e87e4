"""``python -m bot serve | migrate | migrate-after | doctor``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from functools import partial

from bot.configuration import Configuration, ConfigurationError, read_configuration
from runtime.database import DATABASE_ERRORS, asyncpg_url
from runtime.logging import configure_logs


def _serve(configuration: Configuration) -> int:
    from bot.app import serve  # noqa: PLC0415 - migrate and doctor start faster without

    settings = configuration.settings
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name).get_secret_value():
            return _complain(
                f"BOT_{name.upper()} is not set. Set it, or try everything on this machine with "
                "`make run`."
            )
    configure_logs(settings.log_level)
    try:
        serve(configuration)
    except OSError as error:
        return _complain(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "stop what uses the port or set BOT_PORT."
        )
    except ValueError as error:
        return _complain(f"BOT_DATABASE_URL or BOT_REDIS_URL: {error}")
    return 0


def _migrate(configuration: Configuration, *, after_deploy: bool = False) -> int:
    from bot.store.migrations import migrate  # noqa: PLC0415

    settings = configuration.settings
    if not settings.database_url.get_secret_value():
        return _complain("BOT_DATABASE_URL is not set: which database should be migrated?")
    try:
        url = asyncpg_url(settings.database_url.get_secret_value())
        asyncio.run(migrate(url.render_as_string(hide_password=False), after_deploy=after_deploy))
    except ValueError as error:
        return _complain(f"BOT_DATABASE_URL: {error}")
    except DATABASE_ERRORS as error:
        return _complain(f"the database cannot be migrated: {type(error).__name__}: {error}")
    sys.stdout.write("The schema is up to date.\n")
    return 0


def _doctor(configuration: Configuration) -> int:
    from bot.doctor import examine  # noqa: PLC0415

    return asyncio.run(examine(configuration, sys.stdout.write))


COMMANDS: dict[str, tuple[Callable[[Configuration], int], str]] = {
    "serve": (_serve, "run the webhook bot"),
    "migrate": (_migrate, "bring the database's schema up to date"),
    "migrate-after": (
        partial(_migrate, after_deploy=True),
        "once no older version runs: take away what only that needed",
    ),
    "doctor": (_doctor, "say in words what is misconfigured"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 1 and one sentence where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m bot")
    choices = parser.add_subparsers(dest="command", required=True)
    for name, (_, words) in COMMANDS.items():
        choices.add_parser(name, help=words)
    chosen = parser.parse_args(arguments).command
    try:
        configuration = read_configuration()
    except ConfigurationError as error:
        return _complain("\n".join(error.lines))
    return COMMANDS[chosen][0](configuration)


def _complain(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
