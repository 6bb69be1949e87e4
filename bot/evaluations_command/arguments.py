"""The words after ``python -m bot evaluations``."""

from __future__ import annotations

import argparse

EXAMPLES = """\
examples:
  evaluations add evaluations/new-model/report.json
  evaluations add - < report.json          where the file is on another machine
"""


class NoReportError(ValueError):
    """The file cannot be brought; the text is one sentence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommand and its file."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="store a report, masked, for the page of evaluations")
    add.add_argument("file", help="report.json of `python -m evaluation`, or - for standard input")
