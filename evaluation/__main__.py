"""``python -m evaluation``: whether a new model is better for the people that it answers."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evaluation import commands
from evaluation.arguments import ENGINE_KEY, JUDGE_KEY, parser
from evaluation.engines import EngineOptions
from evaluation.errors import EvaluationError
from evaluation.gate import Bounds, Gate, decide
from evaluation.judge.client import JudgeServer
from evaluation.logickor import as_logickor, refuse_changed
from evaluation.progress import say
from evaluation.question_files import read_questions, without_trained
from evaluation.questions import QuestionSet
from evaluation.replays import read_replay, read_two_replays
from evaluation.reports.models import ComparisonReport, RunReport
from evaluation.reports.written import markdown

Options = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0 where it was measured, 3 with a sentence where not; ``gate`` has more."""
    options = parser().parse_args(arguments)
    try:
        return _COMMANDS[options.command](options)
    except EvaluationError as error:
        say(str(error))
        return Gate.NOT_MEASURED
    except Exception:  # noqa: BLE001 - the status of a crash would mean "worse"
        traceback.print_exc()
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
    questions = _questions(options)
    return _show(asyncio.run(commands.evaluate(_plan(options), questions, options.engine)), options)


def _questions(options: Options) -> QuestionSet:
    asked = read_questions(options.questions, sha256=options.sha256)
    return without_trained(asked, options.trained_on) if options.trained_on else asked


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
    plan = replace(_plan(options), names=(options.baseline_name, options.candidate_name))
    if not options.questions and (options.trained_on or options.sha256):
        raise EvaluationError("--trained-on and --sha256 are about --questions: name that, too.")
    if options.replay:
        if options.questions or options.baseline or options.candidate:
            raise EvaluationError("--replay brings questions and answers: leave the others out.")
        if options.against:
            replay = read_two_replays(options.replay, options.against)
        else:
            replay = read_replay(options.replay)
        return asyncio.run(commands.compare_replay(plan, replay))
    if options.against:
        raise EvaluationError("--against needs --replay: it is another replay of its questions.")
    if not options.baseline or not options.candidate:
        raise EvaluationError("--baseline and --candidate are needed, or --replay.")
    questions = _questions(options) if options.questions else None
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


_COMMANDS: dict[str, Callable[[Options], int]] = {
    "logickor": _logickor,
    "answer": _answer,
    "compare": _compare,
    "gate": _gate,
}


if __name__ == "__main__":
    sys.exit(main())
