"""The commands: each composes engines, judge, statistics and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from evaluation.answering import Answering
from evaluation.comparing import compare
from evaluation.engines import EngineOptions, opened, without_secrets
from evaluation.errors import EvaluationError
from evaluation.json_lines import JsonLines
from evaluation.judge.client import JudgeServer, connected
from evaluation.judge.judging import Judge
from evaluation.judge.pairing import Pairing, scores_of
from evaluation.judge.prompts import PROMPT_VERSION
from evaluation.judge.scoring import Scoring
from evaluation.pairs import Pair, Side, pairs_of, refuse_different_sets
from evaluation.questions import QuestionSet
from evaluation.records import ComparisonManifest, JudgeUsed, Manifest, PairScore
from evaluation.replays import ReplayFile, agreement
from evaluation.reports.comparison import ComparedSides, comparison_report
from evaluation.reports.models import ComparisonReport, RunReport
from evaluation.reports.run import run_report
from evaluation.reports.written import write_report
from evaluation.run_folder import (
    RunFolder,
    asked,
    differences,
    is_run,
    locked,
    project_version,
    read_record,
    write_record,
)

COMPARISON = "comparison.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all commands share."""

    folder: Path
    engine: EngineOptions
    judge: JudgeServer | None
    seed: int = 0
    at_once: int = 4
    patience_s: float = 60.0
    names: tuple[str, str] = ("", "")  #: of baseline and candidate, for people


async def evaluate(
    plan: Plan, questions: QuestionSet, engine: str, *, is_logickor: bool = False
) -> RunReport:
    """One engine's answers, scored where there is a judge. Raises EvaluationError."""
    with locked(plan.folder):
        run = await answered(plan, plan.folder, questions, engine)
        if plan.judge:
            await _score(plan, plan.judge, run)
        report = run_report(run, is_logickor=is_logickor)
        write_report(plan.folder, report)
    return report


async def answered(plan: Plan, folder: Path, questions: QuestionSet, engine: str) -> RunFolder:
    """The run of an engine, with every question answered. Raises EvaluationError."""
    async with opened(engine, plan.engine) as open_engine:
        manifest = Manifest(
            version=project_version(),
            created_at=datetime.now(UTC),
            seed=plan.seed,
            asked=asked(questions),
            engine=open_engine.used,
        )
        run = RunFolder.begin(folder, manifest, questions)
        answering = Answering(open_engine, run, patience_s=plan.patience_s)
        await answering.answer_all(at_once=plan.at_once)
    return run


async def compare_runs(
    plan: Plan, baseline: str, candidate: str, questions: QuestionSet | None
) -> ComparisonReport:
    """Two engines, or runs of them, on the same questions. Raises EvaluationError."""
    with locked(plan.folder):
        runs = [
            await _side(plan, name, which, questions)
            for name, which in (("baseline", baseline), ("candidate", candidate))
        ]
        refuse_different_sets(*runs)
        sides = [Side.of(run) for run in runs]
        return await _compare(plan, runs[0].questions, sides)


async def compare_replay(plan: Plan, replay: ReplayFile) -> ComparisonReport:
    """A replay of the dashboard, beside the people's votes. Raises EvaluationError."""
    with locked(plan.folder):
        sides = [replay.baseline, replay.candidate]
        return await _compare(plan, replay.questions, sides, replay)


async def _side(plan: Plan, name: str, which: str, questions: QuestionSet | None) -> RunFolder:
    if is_run(Path(which)):
        run = RunFolder.load(Path(which))
        if len(run.by_turn()) < run.questions.turns:
            raise EvaluationError(
                f"{which} is not finished: start its command again, which goes on."
            )
        if questions is not None and questions.digest != run.manifest.asked.digest:
            raise EvaluationError(
                f"{which} asked other questions than {questions.name}: leave --questions out, or "
                "name the engine instead of its run."
            )
        return run
    if questions is None:
        raise EvaluationError(f"{which} is no run, so --questions is needed for it to answer.")
    return await answered(plan, plan.folder / name, questions, which)


async def _score(plan: Plan, server: JudgeServer, run: RunFolder) -> None:
    async with connected(server) as client:
        judge = Judge(client, seed=plan.seed)
        run.judge_with(_used(server, client.model, plan.seed))
        await Scoring(judge, run).score_all(at_once=plan.at_once)


async def _compare(
    plan: Plan, questions: QuestionSet, sides: Sequence[Side], replay: ReplayFile | None = None
) -> ComparisonReport:
    baseline, candidate = (
        replace(side, name=name) for side, name in zip(sides, plan.names, strict=True)
    )
    pairs = pairs_of(questions, baseline, candidate)
    used, pair_scores = await _judge_pairs(plan, questions, sides, pairs)
    compared = compare(
        pairs, baseline, candidate, pair_scores, has_judge=used is not None, seed=plan.seed
    )
    votes = replay.votes if replay else {}
    beside = agreement(pairs, compared.judged, votes) if votes else None
    report = comparison_report(
        ComparedSides(
            questions=questions,
            baseline=baseline,
            candidate=candidate,
            pair_scores=pair_scores,
            judge=used,
            seed=plan.seed,
            replay=replay.id if replay else None,
        ),
        compared,
        beside if used else None,
    )
    write_report(plan.folder, report)
    return report


async def _judge_pairs(
    plan: Plan, questions: QuestionSet, sides: Sequence[Side], pairs: Sequence[Pair]
) -> tuple[JudgeUsed | None, list[PairScore]]:
    if plan.judge is None:
        _begin(plan, questions, sides, None)
        return None, []
    async with connected(plan.judge) as client:
        used = _used(plan.judge, client.model, plan.seed)
        _begin(plan, questions, sides, used)
        kept = JsonLines(plan.folder / "pair_scores.jsonl", PairScore)
        judge = Judge(client, seed=plan.seed)
        await Pairing(judge, kept, pairs).compare_all(at_once=plan.at_once)
        return used, scores_of(kept, pairs)


def _begin(
    plan: Plan, questions: QuestionSet, sides: Sequence[Side], judge: JudgeUsed | None
) -> None:
    """Note what is compared, or go on with the same. Raises EvaluationError."""
    manifest = ComparisonManifest(
        version=project_version(),
        created_at=datetime.now(UTC),
        seed=plan.seed,
        asked=asked(questions),
        baseline=sides[0].label,
        candidate=sides[1].label,
        judge=judge,
    )
    path = plan.folder / COMPARISON
    if not path.exists():
        write_record(path, manifest)
    elif differing := differences(read_record(path, ComparisonManifest), manifest):
        raise EvaluationError(
            f"{plan.folder} holds another comparison ({', '.join(differing)} differ): choose "
            "another --run."
        )


def _used(server: JudgeServer, model: str, seed: int) -> JudgeUsed:
    return JudgeUsed(
        url=without_secrets(server.url), model=model, prompt_version=PROMPT_VERSION, seed=seed
    )
