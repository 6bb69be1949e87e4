"""Reports as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evaluation.logickor import ATTRIBUTION, CARD_MODEL
from evaluation.records import Asked, JudgeUsed
from evaluation.reports.models import (
    AgreementPart,
    ComparisonReport,
    IntervalPart,
    MeasurePart,
    RunReport,
    SidePart,
)
from evaluation.reports.words import Words
from measures.paired import SMALL_POINTS, SMALL_SHARES, smaller_differences
from measures.verdict import Verdict

_SHARES = ("correct", "hangul")


def comparison_markdown(report: ComparisonReport, language: str) -> str:
    """A comparison: the verdict first, the rest below."""
    say = Words(language)
    parts = [
        f"# {say('comparison')}",
        f"**{say(report.verdict.value if report.verdict else 'none')}.** {_in_words(report, say)}",
        _table((say("name"), say("value")), _facts(report, say)),
        *(_measure(one, say) for one in report.measures),
        f"## {say('checks')}",
        _sides([("baseline", report.baseline), ("candidate", report.candidate)], say),
        *_about_judge(report, say),
        f"## {say('method')}",
        say("method_value"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def run_markdown(report: RunReport, language: str) -> str:
    """One engine's answers; LogicKor's with the card's row."""
    say = Words(language)
    parts = [
        f"# {say('logickor' if report.is_logickor else 'run')}",
        _table((say("name"), say("value")), _facts(report, say)),
        _scores(report, say),
        _not_judged(report.not_judged, say),
        f"## {say('checks')}",
        _sides([("answers", report.side)], say),
    ]
    if report.side.used and report.side.used.demo:
        parts.insert(1, say("demo_note"))
    if report.is_logickor:
        parts += [say("logickor_note"), ATTRIBUTION]
        if not report.is_published:
            parts.insert(1, say("unpublished_note"))
    return "\n\n".join(part for part in parts if part) + "\n"


def _in_words(report: ComparisonReport, say: Words) -> str:
    primary = next((one.overall for one in report.measures if one.name == report.primary), None)
    if primary is None:
        return say("in_words_none")
    sentences = [say(f"in_words_{primary.verdict.value}", mean=f"{abs(primary.mean):.2f}")]
    if report.judge and report.primary != "judge":
        sentences.append(say("in_words_unjudged"))
    if primary.detectable is not None:
        sentences.append(say("in_words_detectable", detectable=f"{primary.detectable:.2f}"))
        if primary.verdict is Verdict.CANNOT_TELL:
            sentences.append(_needed(report.primary, primary.pairs, primary.detectable, say))
    return " ".join(filter(None, sentences))


def _needed(measure: str | None, pairs: int, detectable: float, say: Words) -> str:
    goals = SMALL_SHARES if measure == "correct" else SMALL_POINTS
    listed = ", ".join(
        say("needed_value", difference=f"{goal:g}", count=f"{count:,}")
        for goal, count in smaller_differences(pairs, detectable, goals)
    )
    return say("in_words_needed", listed=listed) if listed else ""


def _facts(report: ComparisonReport | RunReport, say: Words) -> list[tuple[str, str]]:
    facts = [
        (say("questions"), _questions(report.asked, say)),
        (say("judge"), _judge(report.judge, say)),
        (say("seed"), str(report.seed)),
        (say("made"), report.created_at.strftime("%Y-%m-%d %H:%M UTC")),
        (say("version"), report.version),
    ]
    if isinstance(report, RunReport) and report.is_logickor:
        facts[1:1] = [(say("sha256"), report.asked.sha256), (say("form"), say("form_value"))]
    if report.asked.repeated:
        facts.insert(1, (say("repeated"), str(report.asked.repeated)))
    return facts


def _questions(asked: Asked, say: Words) -> str:
    return say(
        "questions_value",
        name=asked.name,
        count=f"{asked.questions:,}",
        sha256=f"{asked.sha256[:16]}…",
    )


def _judge(judge: JudgeUsed | None, say: Words) -> str:
    if judge is None:
        return say("no_judge")
    return say("judge_value", model=judge.model, url=judge.url, prompt=judge.prompt_version)


def _measure(measure: MeasurePart, say: Words) -> str:
    names = ("category", "count", "difference", "interval", "p_value", "detectable", "verdict")
    rows = [(say("all"), *_interval(measure.overall, say))]
    if len(measure.categories) > 1:
        rows += [(name, *_interval(one, say)) for name, one in measure.categories.items()]
    table = _table([say(name) for name in names], rows)
    return f"## {say(f'measure_{measure.name}')}\n\n{table}"


def _interval(part: IntervalPart, say: Words) -> tuple[str, ...]:
    return (
        f"{part.pairs:,}",
        f"{part.mean:+.2f}",
        _range(part.low, part.high, say),
        "< 0.001" if part.p_value < 0.001 else f"{part.p_value:.3f}",
        say("undefined") if part.detectable is None else f"{part.detectable:.2f}",
        say(part.verdict.value),
    )


def _range(low: float | None, high: float | None, say: Words) -> str:
    if low is None or high is None:
        return say("undefined")
    return f"{low:+.2f} … {high:+.2f}"


def _sides(sides: Sequence[tuple[str, SidePart]], say: Words) -> str:
    rows = [
        (say(name), *(_cell(side, name) for _title, side in sides))
        for name in (
            "model", "preset", "adapter", "context_window", "answers", "failures", "empty",
            "looping", "cut", "asks_for_score", "correct", "hangul", "characters", "tokens",
            "tokens_per_second", "mean_score",
        )
    ]  # fmt: skip
    kept = [row for row in rows if any(row[1:])]
    titles = [f"{say(name)}: {side.name}" if side.name else say(name) for name, side in sides]
    return _table([say("name"), *titles], kept)


def _cell(side: SidePart, name: str) -> str:
    if name in ("model", "preset", "adapter", "context_window"):
        value = getattr(side.used, name) if side.used else ""
        return str(value or "") or (side.label if name == "model" else "")
    if name == "failures":
        return str(sum(side.failures.values()))
    value = side.score if name == "mean_score" else getattr(side, name)
    if value is None:
        return ""
    if name in _SHARES:
        return f"{value:.0%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _about_judge(report: ComparisonReport, say: Words) -> list[str]:
    if report.judge is None:
        return []
    counted = say(
        "judged_pairs",
        to_judge=f"{report.to_judge:,}",
        judged=f"{report.judged:,}",
        agreeing=f"{report.agreeing_orders:,}",
    )
    agreement = _agreement(report.agreement, say) if report.agreement else ""
    return [f"## {say('about_judge')}", counted, _not_judged(report.not_judged, say), agreement]


def _agreement(agreement: AgreementPart, say: Words) -> str:
    kappa = agreement.kappa
    return say(
        "agreement_value",
        pairs=f"{agreement.pairs:,}",
        same=f"{agreement.same:,}",
        kappa=say("undefined") if kappa is None else f"{kappa:.2f}",
        interval=_range(agreement.low, agreement.high, say),
    )


def _not_judged(counts: Mapping[str, int], say: Words) -> str:
    if not counts:
        return ""
    reasons = ", ".join(f"{say.reason(name)} {count:,}" for name, count in counts.items())
    return say("not_judged_value", count=f"{sum(counts.values()):,}", reasons=reasons)


def _scores(report: RunReport, say: Words) -> str:
    if not report.rows:
        return ""
    names = [say("category"), say("score"), say("judged")]
    rows = [
        [say(row.name), _score(row.score), f"{row.judged:,}", _score(row.card)]
        for row in report.rows
    ]
    if report.is_logickor:
        return _table([*names, f"{say('card')} ({CARD_MODEL})"], rows)
    return _table(names, [row[:3] for row in rows])


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [" | ".join(_escaped(cell) for cell in row) for row in rows]
    top = [" | ".join(map(_escaped, head)), "|".join("---" for _ in head)]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in top + lines)


def _escaped(cell: str) -> str:
    return " ".join(cell.split()).replace("|", "\\|")
