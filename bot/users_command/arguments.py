"""The words after ``python -m bot users``."""

from __future__ import annotations

import argparse

from bot.domain.dashboard_users import Role
from bot.domain.turns import clean_text

MAX_REASON_CHARS = 200

EXAMPLES = """\
examples:
  users list
  users add kim --role reviewer            prints a one-time password
  users role kim admin --reason "new lead"
  users disable kim
  users reset-second-factor kim            for one who lost telephone and recovery codes
"""


class RefusedError(ValueError):
    """What was asked cannot be done; the text is one sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their options; none takes a password."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="everybody, with role and state")
    words = {
        "add": "add a user, and print a one-time password",
        "role": "give a user another role",
        "disable": "close an account and end its sessions",
        "enable": "open a closed account again",
        "password": "give a user a new one-time password",
        "reset-second-factor": "let a user in without a code",
    }
    parsers = {name: actions.add_parser(name, help=text) for name, text in words.items()}
    for one in parsers.values():
        one.add_argument("name", help="the user's name")
        one.add_argument("--reason", default="", help="why, for the audit log")
    roles = [role.value for role in Role]
    parsers["add"].add_argument("--role", choices=roles, default=Role.VIEWER.value)
    parsers["role"].add_argument("role", choices=roles)


def read_reason(arguments: argparse.Namespace) -> str:
    """Why, in the words of whoever typed it."""
    return clean_text(arguments.reason)[:MAX_REASON_CHARS]
