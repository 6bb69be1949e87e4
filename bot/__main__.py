"""``python -m bot serve | migrate | doctor | config | users | evaluations``, and more."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from bot.config_command.arguments import WrongArgumentsError
from bot.config_command.arguments import add_arguments as add_config_arguments
from bot.config_command.command import run as run_config
from bot.configuration import Configuration, ConfigurationError, read_configuration
from bot.evaluations_command.arguments import NoReportError
from bot.evaluations_command.arguments import add_arguments as add_evaluations_arguments
from bot.users_command.arguments import RefusedError
from bot.users_command.arguments import add_arguments as add_users_arguments
from runtime.database import DATABASE_ERRORS, CannotConnectError, refusal, sqlstate
from runtime.listening import cannot_listen
from runtime.logging import configure_logs
from runtime.store_urls import store_url_errors


def _serve(configuration: Configuration) -> int:
    from bot.app import serve  # noqa: PLC0415 - migrate and doctor start faster without

    settings = configuration.settings
    if wrong := store_url_errors(
        "BOT_",
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
    ):
        unset = any(line.endswith("is not set") for line in wrong)
        return _complain(*wrong, *(["`make run` brings its own servers."] if unset else []))
    configure_logs(settings.log_level)
    try:
        serve(configuration)
    except OSError as error:
        return _complain(cannot_listen(settings.host, settings.port, error, prefix="BOT_"))
    return 0


def _migrate(configuration: Configuration, *, after_deploy: bool = False) -> int:
    from bot.store.migrations import (  # noqa: PLC0415
        IncompatibleSchemaError,
        SchemaState,
        migrate,
    )

    url = configuration.settings.database_url.get_secret_value()
    if not url:
        return _complain("BOT_DATABASE_URL is not set: which database should be migrated?")
    try:
        state = asyncio.run(migrate(url, after_deploy=after_deploy))
    except ValueError as error:
        return _complain(f"BOT_DATABASE_URL: {error}")
    except IncompatibleSchemaError as error:
        return _complain(str(error))
    except CannotConnectError as error:
        return _complain(f"BOT_DATABASE_URL: {error}")
    except DATABASE_ERRORS as error:
        return _complain(f"The database cannot be migrated: {refusal(error)}.")
    sys.stdout.write(
        "The schema is newer than this version, which works with it: nothing to migrate.\n"
        if state is SchemaState.NEWER
        else "The schema is up to date.\n"
    )
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from bot.doctor.examination import examine, refuse  # noqa: PLC0415
    from bot.doctor.local_run import take_over_settings  # noqa: PLC0415

    try:
        take_over_settings(read_configuration().settings.data_dir, sys.stdout.write)
        configuration = read_configuration()
    except ConfigurationError as error:
        return refuse(error, sys.stdout.write)
    return asyncio.run(examine(configuration, sys.stdout.write, url=arguments.url))


def _config(arguments: argparse.Namespace) -> int:
    return _on_the_database(run_config, arguments, what="settings")


def _users(arguments: argparse.Namespace) -> int:
    from bot.users_command.command import run  # noqa: PLC0415 - argon2 takes its time

    return _on_the_database(run, arguments, what="users")


def _evaluations(arguments: argparse.Namespace) -> int:
    from bot.evaluations_command.command import run  # noqa: PLC0415 - masking takes its time

    return _on_the_database(run, arguments, what="evaluations")


def _on_the_database(
    run: Callable[[Configuration, argparse.Namespace], Coroutine[Any, Any, str]],
    arguments: argparse.Namespace,
    *,
    what: str,
) -> int:
    """Run a command of the database and print its text; ``what``: is kept there."""
    try:
        configuration = _beside_make_run()
        if not configuration.settings.database_url.get_secret_value():
            return _complain(f"BOT_DATABASE_URL is not set: where are the {what}?")
        sys.stdout.write(asyncio.run(run(configuration, arguments)))
    except ConfigurationError as error:
        return _complain(*error.lines)
    except (WrongArgumentsError, RefusedError, NoReportError) as error:
        return _complain(str(error))
    except (ValueError, CannotConnectError) as error:
        return _complain(f"BOT_DATABASE_URL: {error}")
    except DATABASE_ERRORS as error:
        # Before the migration of this version there is no such table.
        advice = " Was `python -m bot migrate` run?" if sqlstate(error) == "42P01" else ""
        return _complain(f"The {what} cannot be reached: {refusal(error)}.{advice}")
    return 0


def _beside_make_run() -> Configuration:
    """The configuration; with the database of `make run` where that runs here."""
    from bot.doctor.local_run import running_settings  # noqa: PLC0415

    configuration = read_configuration()
    url = running_settings(configuration.settings.data_dir).get("BOT_DATABASE_URL", "")
    if url and not configuration.settings.database_url.get_secret_value():
        os.environ["BOT_DATABASE_URL"] = url
        return read_configuration()
    return configuration


def _slack_manifest(arguments: argparse.Namespace) -> int:
    from bot.messengers.slack.installing.manifest import EXAMPLE_URL, manifest_yaml  # noqa: PLC0415
    from bot.messengers.slack.settings import SlackSettings  # noqa: PLC0415

    try:
        configuration = read_configuration()
    except ConfigurationError as error:
        return _complain(*error.lines)
    [slack] = [one.settings for one in configuration.messengers if one.name == "slack"]
    assert isinstance(slack, SlackSettings)  # noqa: S101 - as the registry says
    text = manifest_yaml(
        slack,
        language=configuration.settings.language,
        url=arguments.manifest_url or slack.public_url or EXAMPLE_URL,
        socket_mode=arguments.socket_mode or bool(slack.app_token.get_secret_value()),
    )
    sys.stdout.write(text)
    return 0


def _with_configuration(
    run: Callable[[Configuration], int],
) -> Callable[[argparse.Namespace], int]:
    """The command, once all settings can be read."""

    def read_and_run(_: argparse.Namespace) -> int:
        try:
            configuration = read_configuration()
        except ConfigurationError as error:
            return _complain(*error.lines)
        return run(configuration)

    return read_and_run


COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "serve": (_with_configuration(_serve), "run the webhook bot"),
    "migrate": (_with_configuration(_migrate), "bring the database's schema up to date"),
    "migrate-after": (
        _with_configuration(partial(_migrate, after_deploy=True)),
        "once no older version runs: take away what only that needed",
    ),
    "doctor": (_doctor, "say in words what is misconfigured"),
    "config": (_config, "show and change the settings in the database"),
    "users": (_users, "list, add and change the dashboard's users"),
    "evaluations": (_evaluations, "bring an evaluation of a model to the dashboard"),
    "slack-manifest": (_slack_manifest, "print the manifest of the Slack app"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; exit status 1 and one sentence where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m bot")
    choices = parser.add_subparsers(dest="command", required=True)
    parsers = {name: choices.add_parser(name, help=words) for name, (_, words) in COMMANDS.items()}
    parsers["doctor"].add_argument(
        "--url",
        default="",
        metavar="https://HOST",
        help="also try the webhooks as the messengers reach them: certificate, secrets, latency",
    )
    add_config_arguments(parsers["config"])
    add_users_arguments(parsers["users"])
    add_evaluations_arguments(parsers["evaluations"])
    manifest = parsers["slack-manifest"]
    manifest.add_argument(
        "--url",
        default="",
        dest="manifest_url",
        metavar="https://HOST",
        help="the bot's public address; else BOT_SLACK_PUBLIC_URL",
    )
    manifest.add_argument(
        "--socket-mode", action="store_true", help="for a bot that Slack cannot reach"
    )
    chosen = parser.parse_args(arguments)
    return COMMANDS[chosen.command][0](chosen)


def _complain(*lines: str) -> int:
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    return 1


if __name__ == "__main__":
    sys.exit(main())
