"""The words after ``python -m evaluation``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from evaluation.gate import MIN_JUDGED, Gate

#: The environment's variables with keys, which stand in no process list that way.
ENGINE_KEY, JUDGE_KEY = "EVALUATION_ENGINE_KEY", "EVALUATION_JUDGE_KEY"

_ENGINE = "a URL, a preset, a directory of weights, MODEL+ADAPTER, URL+ADAPTER"
_SIDE = f"the folder of a run, {_ENGINE}"
_COMMANDS = {
    "logickor": "LogicKor as the card of Bllossom reports it",
    "answer": "one engine's answers to questions of your own",
    "compare": "two engines or runs on the same questions, or a replay",
    "gate": "as compare, with an exit status for deployments",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with the status of what was not measured: argparse's own means "cannot tell"."""
        self.print_usage(sys.stderr)
        self.exit(Gate.NOT_MEASURED, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    whole = _Parser(
        prog="python -m evaluation",
        description="Whether a new model is better for the people that it answers.",
        epilog=f"Keys come from the environment: {ENGINE_KEY}, {JUDGE_KEY}. docs/evaluation.md "
        "is the guide.",
    )
    names = whole.add_subparsers(dest="command", required=True)
    for name, summary in _COMMANDS.items():
        command = names.add_parser(name, help=summary, description=summary)
        _add_shared(command)
        if name in ("logickor", "answer"):
            command.add_argument("--questions", type=Path, required=True, help="a JSONL file")
            command.add_argument("--engine", required=True, help=_ENGINE)
        else:
            _add_sides(command)
        if name != "logickor":  # whose questions are all asked
            command.add_argument("--trained-on", type=Path, help="whose questions are left out")
        if name == "gate":
            _add_bounds(command)
    return whole


def _add_shared(command: argparse.ArgumentParser) -> None:
    command.add_argument("--run", type=Path, help="the folder; the same one goes on")
    command.add_argument("--sha256", default="", help="what --questions has to have")
    command.add_argument("--judge", default="", help="the URL of an OpenAI-compatible server")
    command.add_argument("--judge-model", default="", help="where it has several")
    command.add_argument("--judge-timeout", type=_positive, default=120.0, help="seconds")
    command.add_argument("--preset", default="", help="prompt and sampling; default: the model's")
    command.add_argument("--model", default="", help="where the engine's URL has several")
    command.add_argument("--system-prompt", type=Path, help="a file, instead of the preset's")
    command.add_argument("--max-new-tokens", type=int)
    command.add_argument("--greedy", action="store_true", help="temperature 0")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--data-dir", type=Path, default=Path("data"), help="the worker's")
    command.add_argument("--at-once", type=_count, default=4, help="requests at the same time")
    command.add_argument("--patience", type=_positive, default=60.0, help="for an engine, seconds")
    command.add_argument("--language", choices=("en", "ko"), default="en", help="of the output")


def _add_sides(command: argparse.ArgumentParser) -> None:
    command.add_argument("--questions", type=Path, help="a JSONL file; none for two runs")
    command.add_argument("--baseline", default="", help=_SIDE)
    command.add_argument("--candidate", default="", help=_SIDE)
    for side in ("baseline", "candidate"):
        command.add_argument(
            f"--{side}-name", type=_name, default="", help="for the report, instead of a URL"
        )
    command.add_argument("--replay", type=Path, help="a replay of the dashboard as JSONL")
    command.add_argument(
        "--against", type=Path, help="another one of the same questions: its new answers"
    )


def _add_bounds(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tolerance", type=_amount, help="how much worse still counts as equal")
    command.add_argument("--min-judged", type=_amount, default=MIN_JUDGED, help="a share")
    command.add_argument(
        "--cannot-tell", type=_status, default=int(Gate.CANNOT_TELL), help="the exit status for it"
    )


def _name(raw: str) -> str:
    name = " ".join(raw.split())
    if not name.isprintable() or len(name) > 100:
        raise argparse.ArgumentTypeError("at most 100 characters that can be printed are needed")
    return name


def _amount(raw: str) -> float:
    number = float(raw)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("a number of at least 0 is needed")
    return number


def _status(raw: str) -> int:
    number = int(raw)
    if not 0 <= number <= 125:
        raise argparse.ArgumentTypeError("an exit status from 0 to 125 is needed")
    return number


def _positive(raw: str) -> float:
    number = float(raw)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError("a number above 0 is needed")
    return number


def _count(raw: str) -> int:
    number = int(raw)
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError("a whole number from 1 to 256 is needed")
    return number
