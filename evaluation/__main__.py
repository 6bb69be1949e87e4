"""``python -m evaluation``: whether a new model is better for the people that it answers."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from evaluation import commands
from evaluation.engines import EngineOptions
from evaluation.errors import EvaluationError
from evaluation.gate import MIN_JUDGED, Bounds, Gate, decide
from evaluation.judge.client import JudgeServer
from evaluation.logickor import as_logickor, refuse_changed
from evaluation.progress import say
from evaluation.question_files import read_questions
from evaluation.questions import QuestionSet
from evaluation.replays import read_replay
from evaluation.reports.models import ComparisonReport, RunReport
from evaluation.reports.written import markdown

ENGINE_KEY, JUDGE_KEY = "EVALUATION_ENGINE_KEY", "EVALUATION_JUDGE_KEY"
_ENGINE = "a URL, a preset, a directory of weights, MODEL+ADAPTER"
_SIDE = f"the folder of a run, {_ENGINE}"

Options = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 where it was measured, 3 with a sentence where not; ``gate`` has more."""
    options = _parser().parse_args(arguments)
    try:
        run: Callable[[Options], int] = options.run_command
        return run(options)
    except EvaluationError as error:
        say(str(error))
        return Gate.NOT_MEASURED
    except KeyboardInterrupt:
        say("Stopped. Start the same command again to go on.")
        return 130


def _logickor(options: Options) -> int:
    questions = as_logickor(read_questions(options.questions, sha256=options.sha256))
    if not options.sha256:
        refuse_changed(questions)
    work = commands.evaluate(_plan(options), questions, options.engine, is_logickor=True)
    return _show(asyncio.run(work), options)


def _answer(options: Options) -> int:
    questions = read_questions(options.questions, sha256=options.sha256)
    return _show(asyncio.run(commands.evaluate(_plan(options), questions, options.engine)), options)


def _compare(options: Options) -> int:
    return _show(_compared(options), options)


def _gate(options: Options) -> int:
    report = _compared(options)
    bounds = Bounds(
        tolerance=options.tolerance,
        min_judged=options.min_judged,
        cannot_tell=options.cannot_tell,
    )
    decision = decide(report, bounds)
    say(decision.why)
    return decision.exit_status(bounds)


def _compared(options: Options) -> ComparisonReport:
    plan = _plan(options)
    if options.replay:
        if options.questions or options.baseline or options.candidate:
            raise EvaluationError("--replay brings questions and answers: leave the others out.")
        return asyncio.run(commands.compare_replay(plan, read_replay(options.replay)))
    if not options.baseline or not options.candidate:
        raise EvaluationError("--baseline and --candidate are needed, or --replay.")
    questions: QuestionSet | None = None
    if options.questions:
        questions = read_questions(options.questions, sha256=options.sha256)
    work = commands.compare_runs(plan, options.baseline, options.candidate, questions)
    return asyncio.run(work)


def _show(report: RunReport | ComparisonReport, options: Options) -> int:
    sys.stdout.write(markdown(report, options.language))
    return 0


def _plan(options: Options) -> commands.Plan:
    return commands.Plan(
        folder=options.run or _new_folder(options.command),
        engine=EngineOptions(
            preset=options.preset,
            model=options.model,
            api_key=os.environ.get(ENGINE_KEY, ""),
            system_prompt=_text(options.system_prompt),
            max_new_tokens=options.max_new_tokens,
            greedy=options.greedy,
            at_once=options.at_once,
            models_dir=options.data_dir / "models",
        ),
        judge=_judge(options),
        seed=options.seed,
        at_once=options.at_once,
        patience_s=options.patience,
    )


def _text(path: Path | None) -> str | None:
    """The text of a file. Raises EvaluationError."""
    try:
        return path.read_text("utf-8").strip() if path else None
    except (OSError, UnicodeDecodeError):
        raise EvaluationError(f"{path} cannot be read as UTF-8: check --system-prompt.") from None


def _judge(options: Options) -> JudgeServer | None:
    if not options.judge:
        return None
    return JudgeServer(
        url=options.judge,
        model=options.judge_model,
        api_key=os.environ.get(JUDGE_KEY, ""),
        timeout_s=options.judge_timeout,
    )


def _new_folder(command: str) -> Path:
    return Path("evaluations") / f"{command}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation",
        description=__doc__,
        epilog=f"Keys come from the environment: {ENGINE_KEY}, {JUDGE_KEY}. docs/evaluation.md "
        "is the guide.",
    )
    names = parser.add_subparsers(dest="command", required=True)
    for name, run, summary in (
        ("logickor", _logickor, "LogicKor as the card of Bllossom reports it"),
        ("answer", _answer, "one engine's answers to questions of your own"),
        ("compare", _compare, "two engines or runs on the same questions, or a replay"),
        ("gate", _gate, "as compare, with an exit status for deployments"),
    ):
        command = names.add_parser(name, help=summary, description=summary)
        command.set_defaults(run_command=run)
        _add_shared(command)
        if name in ("logickor", "answer"):
            command.add_argument("--questions", type=Path, required=True, help="a JSONL file")
            command.add_argument("--engine", required=True, help=_ENGINE)
        else:
            _add_sides(command)
        if name == "gate":
            _add_bounds(command)
    return parser


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
    command.add_argument("--replay", type=Path, help="a replay of the dashboard as JSONL")


def _add_bounds(command: argparse.ArgumentParser) -> None:
    command.add_argument("--tolerance", type=_amount, help="how much worse still counts as equal")
    command.add_argument("--min-judged", type=_amount, default=MIN_JUDGED, help="a share")
    command.add_argument(
        "--cannot-tell", type=_status, default=int(Gate.CANNOT_TELL), help="the exit status for it"
    )


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


if __name__ == "__main__":
    sys.exit(main())
