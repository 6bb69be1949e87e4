"""Evaluations as their pages show them: in words, with intervals to draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.admin.charts.drawing import ceiling
from bot.admin.evaluations import labels as words
from bot.admin.evaluations.report import IntervalPart, MeasurePart, Report
from bot.admin.web.badges import Badge
from bot.admin.web.labels import label
from bot.admin.web.language import translate as _
from bot.store.evaluations.pairs import EvaluatedPair
from bot.store.evaluations.records import Evaluation

#: The drawing of an interval is so wide; zero is its middle.
WIDTH = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationItem:
    """An evaluation in the list, and at the top of its page."""

    id: int
    name: str
    baseline: str
    candidate: str
    verdict: Badge
    author: str
    made_at: datetime
    is_comparison: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Places from the left in a drawing of ``WIDTH``."""

    low: str
    high: str
    mean: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """A row of a measure's table."""

    name: str
    pairs: str
    mean: str
    interval: str
    detectable: str
    verdict: Badge
    drawn: Drawn | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTable:
    """A measure: all questions first, then each category."""

    name: str
    title: str
    end: str  #: the value at both ends of the drawings, without its sign
    rows: Sequence[IntervalRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPair:
    """A question with its answers."""

    position: int
    category: str
    question: str
    answers: Sequence[tuple[str, str, str]]  #: whose, its score, its text
    note: str
    is_cut: bool  #: a page of its own has the whole texts


def evaluation_item(evaluation: Evaluation) -> EvaluationItem:
    """The view of an evaluation."""
    is_comparison = evaluation.kind == "comparison"
    verdict = next((b for v, b in words.VERDICTS.items() if v == evaluation.verdict), None)
    otherwise = words.NOT_MEASURED if is_comparison else words.ONE_MODEL
    return EvaluationItem(
        id=evaluation.id,
        name=evaluation.name,
        baseline=evaluation.baseline,
        candidate=evaluation.candidate,
        verdict=(verdict or otherwise).said(),
        author=evaluation.author,
        made_at=evaluation.made_at,
        is_comparison=is_comparison,
    )


def in_words(report: Report) -> str:
    """The outcome of a comparison in two sentences."""
    primary = report.deciding
    if primary is None:
        return _("심사 모델이나 정답이 있는 질문이 없어 어느 쪽이 나은지 잴 수 없었습니다.")
    sentence = {
        "better": _("후보의 답변이 평균 {mean} 높고, 우연으로 보기 어렵습니다."),
        "worse": _("후보의 답변이 평균 {mean} 낮고, 우연으로 보기 어렵습니다."),
        "cannot_tell": _("이 질문들로는 어느 쪽이 낫다고 할 수 없습니다. 같다는 뜻은 아닙니다."),
    }[primary.verdict.value].format(mean=f"{abs(primary.mean):.2f}")
    if report.judge and report.primary != "judge":
        sentence += " " + _("심사 모델이 심사한 쌍이 없어 다른 기준으로 정했습니다.")
    if primary.detectable is None:
        return sentence
    return f"{sentence} " + _(
        "질문이 이만큼이면 {detectable} 이상의 차이를 다섯 번에 네 번꼴로 알아봅니다.",
        detectable=f"{primary.detectable:.2f}",
    )


def measure_tables(report: Report) -> list[MeasureTable]:
    """The tables of all measures."""
    return [_table(measure) for measure in report.measures]


def side_rows(report: Report) -> Iterator[tuple[str, list[str]]]:
    """The names of the checks, and beside each the values of all sides."""
    sides = [side for _name, side in report.sides]
    for name, values in (
        (_("모델"), [side.model for side in sides]),
        (_("프리셋"), [side.used.preset if side.used else "" for side in sides]),
        (_("어댑터"), [side.used.adapter if side.used else "" for side in sides]),
        (_("답변"), [f"{side.answers:,}" for side in sides]),
        (_("답하지 못함"), [f"{sum(side.failures.values()):,}" for side in sides]),
        (_("빈 답변"), [f"{side.empty:,}" for side in sides]),
        (_("같은 말 되풀이"), [f"{side.looping:,}" for side in sides]),
        (_("길이나 시간 때문에 끊김"), [f"{side.cut:,}" for side in sides]),
        (_("점수를 달라는 말이 있음"), [f"{side.asks_for_score:,}" for side in sides]),
        (_("정답 비율"), [_share(side.correct) for side in sides]),
        (_("한글 비율"), [_share(side.hangul) for side in sides]),
        (_("평균 글자 수"), [_number(side.characters) for side in sides]),
        (_("평균 토큰"), [_number(side.tokens) for side in sides]),
        (_("초당 토큰(중앙값)"), [_number(side.tokens_per_second) for side in sides]),
    ):
        if any(values):
            yield name, values


def side_titles(report: Report) -> list[str]:
    """The names of the sides."""
    named = ((label(name, words.SIDES), side.name) for name, side in report.sides)
    return [f"{which}: {name}" if name else which for which, name in named]


def is_demo(report: Report) -> bool:
    """Whether a side is the demo model."""
    return any(side.used is not None and side.used.demo for _name, side in report.sides)


def not_judged(report: Report) -> list[tuple[str, str]]:
    """Why answers were not judged, and how many."""
    return [(label(name, words.NOTES), f"{count:,}") for name, count in report.not_judged.items()]


def score_rows(report: Report) -> list[tuple[str, str, str, str]]:
    """The rows of the scores: name, score, answers judged, the model card's."""
    return [
        (label(row.name, words.ROWS), _score(row.score), f"{row.judged:,}", _score(row.card))
        for row in report.rows
    ]


def shown_pairs(
    pairs: Iterable[EvaluatedPair], *, is_comparison: bool, max_chars: int | None
) -> list[ShownPair]:
    """The views of pairs; texts above ``max_chars`` are cut there."""
    return [_shown(pair, is_comparison=is_comparison, max_chars=max_chars) for pair in pairs]


def categories(report: Report) -> list[str]:
    """The categories that there are, of any measure or score."""
    found = {name for measure in report.measures for name in measure.categories}
    found |= {row.name for row in report.rows if row.name not in words.ROWS}
    return sorted(found) if len(found) > 1 else []


def _shown(pair: EvaluatedPair, *, is_comparison: bool, max_chars: int | None) -> ShownPair:
    candidate = (pair.candidate_score, pair.candidate)
    sides = {"baseline": (pair.baseline_score, pair.baseline), "candidate": candidate}
    shown = sides if is_comparison else {"run": candidate}
    texts = [pair.question, *(text for _score, text in shown.values())]
    return ShownPair(
        position=pair.position,
        category="" if pair.category == "-" else pair.category,
        question=pair.question[:max_chars],
        answers=[
            (label(name, words.SIDES), "" if score is None else f"{score:.1f}", text[:max_chars])
            for name, (score, text) in shown.items()
        ],
        note=label(pair.note, words.NOTES) if pair.note else "",
        is_cut=max_chars is not None and any(len(text) > max_chars for text in texts),
    )


def _table(measure: MeasurePart) -> MeasureTable:
    named = [(_("전체"), measure.overall)]
    if len(measure.categories) > 1:
        named += list(measure.categories.items())
    ends = [abs(end) for _name, one in named for end in (one.low, one.high) if end is not None]
    end = ceiling(max(ends, default=0.0))
    return MeasureTable(
        name=measure.name,
        title=label(measure.name, words.MEASURES),
        end=f"{end:g}",
        rows=[_row(name, one, end) for name, one in named],
    )


def _row(name: str, part: IntervalPart, end: float) -> IntervalRow:
    drawn = None
    interval = _("정해지지 않음")
    if part.low is not None and part.high is not None:
        low, mean, high = (_place(value, end) for value in (part.low, part.mean, part.high))
        drawn = Drawn(low=low, high=high, mean=mean)
        interval = f"{part.low:+.2f} … {part.high:+.2f}"
    return IntervalRow(
        name=name,
        pairs=f"{part.pairs:,}",
        mean=f"{part.mean:+.2f}",
        interval=interval,
        detectable="–" if part.detectable is None else f"{part.detectable:.2f}",
        verdict=words.VERDICTS[part.verdict].said(),
        drawn=drawn,
    )


def _place(value: float, end: float) -> str:
    share = (min(max(value / end, -1.0), 1.0) + 1) / 2
    return f"{share * WIDTH:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
