"""Makes the report of one engine's answers; of LogicKor with the card's row beside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from statistics import fmean

from evaluation.logickor import CARD, CATEGORIES, FINGERPRINT, fingerprint
from evaluation.pairs import Side
from evaluation.records import NotJudged, Score
from evaluation.reports.models import MAX_TEXT, AnswerPart, RunReport, ScoreRow
from evaluation.reports.sides import side_part
from evaluation.run_folder import RunFolder, project_version


def run_report(run: RunFolder, *, is_logickor: bool) -> RunReport:
    """The report of a run."""
    side = Side.of(run)
    scores = {(one.question, one.turn): one for one in run.scores.read()}
    return RunReport(
        version=project_version(),
        created_at=datetime.now(UTC),
        seed=run.manifest.seed,
        asked=run.manifest.asked,
        judge=run.judge,
        side=side_part(run.questions, side),
        is_logickor=is_logickor,
        is_published=not is_logickor or fingerprint(run.questions) == FINGERPRINT,
        rows=list(_rows(run, side.scores, is_logickor=is_logickor)) if run.judge else [],
        not_judged=_not_judged(side, scores) if run.judge else {},
        answers=list(_answers(run, side, scores)),
    )


def _rows(
    run: RunFolder, scores: Mapping[tuple[str, int], float], *, is_logickor: bool
) -> Iterator[ScoreRow]:
    """Each category, the first turns, the others, and all; as the card means by answers."""
    found: dict[str, list[float]] = defaultdict(list)
    for question in run.questions.questions:
        for turn in range(len(question.turns)):
            score = scores.get((question.id, turn))
            if score is not None:
                for name in (question.category, "single" if turn == 0 else "multi", "overall"):
                    found[name].append(score)
    categories = CATEGORIES if is_logickor else sorted({*found} - {"single", "multi", "overall"})
    for name in (*categories, "single", "multi", "overall"):
        listed = found[name]
        yield ScoreRow(
            name=name,
            score=fmean(listed) if listed else None,
            judged=len(listed),
            card=CARD.get(name) if is_logickor else None,
        )


def _not_judged(side: Side, scores: Mapping[tuple[str, int], Score]) -> dict[str, int]:
    given = [key for key, answer in side.answers.items() if not answer.failure]
    unscored = [key for key in given if key not in scores or scores[key].score is None]
    return dict(Counter(str(_reason(scores.get(key))) for key in unscored))


def _reason(score: Score | None) -> NotJudged | str:
    return (score.reason if score else None) or "pending"


def _answers(
    run: RunFolder, side: Side, scores: Mapping[tuple[str, int], Score]
) -> Iterator[AnswerPart]:
    for question in run.questions.questions:
        for answer, turn in zip(side.answers_to(question), question.turns, strict=True):
            score = scores.get((question.id, answer.turn))
            yield AnswerPart(
                question=question.id,
                category=question.category,
                turn=answer.turn,
                asked=turn.text[:MAX_TEXT],
                answer=answer.text[:MAX_TEXT],
                score=score.score if score else None,
                note=answer.failure or (str(score.reason) if score and score.reason else ""),
            )
