"""The words after ``python -m bot config``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from bot.configs.keys import KEYS, check
from bot.configs.scopes import MAX_NAME_CHARS, BadScopeError, ScopeProblem, read_scope
from bot.domain.bot_config import Scope
from bot.domain.turns import clean_text

#: Why a version is made.
MAX_NOTE_CHARS = 200
#: Above the longest prompt in UTF-8.
MAX_FILE_BYTES = 100_000
#: Postgres' numbers end here: those of versions, and those of rows.
_MAX_VERSION = 2**63 - 1
_MAX_LIMIT = 1_000_000

EXAMPLES = """\
examples:
  config set ai_notice=false                             for all of this deployment
  config set --messenger kakao --tenant BOT_ID system_prompt=@prompt.txt
  config set --messenger slack --tenant T01 --room C01 preset=   wider scopes decide again
  config show --messenger slack --tenant T01 --version 12        as a turn of version 12 ran
  config rollback --messenger slack --tenant T01 12 --note "the new prompt was too long"

keys: """ + ", ".join(KEYS)


class WrongArgumentsError(ValueError):
    """What was typed cannot be done; the text is one sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True)
    show = actions.add_parser("show", help="what counts in a scope, and which scope sets it")
    change = actions.add_parser("set", help="add a version with other values")
    back = actions.add_parser("rollback", help="add a version equal to an old one")
    history = actions.add_parser("history", help="the versions of a scope, the newest first")
    for one in (show, change, back, history):
        one.add_argument("--messenger", default="", help="kakao, slack or generic; empty: all")
        one.add_argument("--tenant", default="", help="a Kakao bot, a Slack workspace; empty: all")
        one.add_argument("--room", default="", help="a room of the tenant; empty: all")
        one.add_argument("--json", action="store_true", help="print JSON")
    show.add_argument("--version", type=_version, metavar="N", help="as it was at version N")
    for one in (change, back):
        one.add_argument("--author", metavar="NAME", help="who changes it; default: this user")
        one.add_argument("--note", default="", metavar="TEXT", help="why")
    back.add_argument("version", type=_version, metavar="N", help="the version to go back to")
    change.add_argument(
        "assignments",
        nargs="+",
        metavar="KEY=VALUE",
        help="KEY=@FILE reads a file, KEY=- standard input, KEY= unsets it",
    )
    history.add_argument("--limit", type=_limit, default=20, metavar="N", help="at most N")


def scope_of(arguments: argparse.Namespace, messengers: Collection[str]) -> Scope:
    """The scope of the options. Raises WrongArgumentsError."""
    typed = (arguments.messenger, arguments.tenant, arguments.room)
    try:
        return read_scope(*typed, messengers=messengers)
    except BadScopeError as error:
        sentences = {
            ScopeProblem.UNKNOWN_MESSENGER: f"--messenger is one of {', '.join(messengers)}.",
            ScopeProblem.TENANT_ALONE: "--tenant needs --messenger.",
            ScopeProblem.ROOM_ALONE: "--room needs --tenant.",
            ScopeProblem.LONG: f"A name of a scope has at most {MAX_NAME_CHARS} characters.",
        }
        raise WrongArgumentsError(sentences[error.problem]) from None


def read_note(arguments: argparse.Namespace) -> str:
    """Why the change is made."""
    return clean_text(arguments.note)[:MAX_NOTE_CHARS]


def read_author(arguments: argparse.Namespace) -> str:
    """Who makes the change; empty where the machine does not know its user."""
    if arguments.author is not None:
        return clean_text(arguments.author)[:MAX_NAME_CHARS]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def read_changes(assignments: Iterable[str]) -> dict[str, object]:
    """The new value of each key, None to unset it. Raises WrongArgumentsError."""
    changes: dict[str, object] = {}
    for assignment in assignments:
        key, equals, typed = assignment.partition("=")
        if not equals:
            raise WrongArgumentsError(f"{key}: KEY=VALUE is needed, or KEY= to unset it.")
        if key in changes:
            raise WrongArgumentsError(f"{key} is set twice.")
        changes[key] = _value(key, typed)
    return changes


def _value(key: str, typed: str) -> object:
    if typed == "":
        return None  # also for a key that this version does not know
    try:
        kind = KEYS.get(key)
        return check(key, kind.parse(_words(typed)) if kind else typed)
    except (ValueError, OSError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise WrongArgumentsError(f"{key}: {reason}.") from error


def _words(typed: str) -> str:
    """What was typed, or what the named file or standard input holds. Raises OSError."""
    if typed == "-":
        return _decoded(sys.stdin.buffer.read(MAX_FILE_BYTES + 1))
    if typed.startswith("@"):
        with Path(typed[1:]).open("rb") as file:
            return _decoded(file.read(MAX_FILE_BYTES + 1))
    return typed


def _decoded(raw: bytes) -> str:
    if len(raw) > MAX_FILE_BYTES:
        raise ValueError(f"more than {MAX_FILE_BYTES:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8; save it in that encoding") from error


def _version(typed: str) -> int:
    if typed.isascii() and typed.isdigit() and 0 < int(typed) <= _MAX_VERSION:
        return int(typed)
    raise argparse.ArgumentTypeError("a whole number from 1 is needed")


def _limit(typed: str) -> int:
    return min(_version(typed), _MAX_LIMIT)
