"""The ``report.json`` of ``python -m evaluation`` as before and after: the baseline is before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.markdown import table

REPORT = "report.json"
#: Of ``evaluation.reports.models``, by which the reports are written.
_FORMAT = 1
#: The measures that decide, as people call them.
_DIFFERENCES = {
    "judge": "judged side by side (1 to 10)",
    "score": "judged alone (1 to 10)",
    "correct": "right answers",
    "sound": "sound answers",
}
_SHARES = {"correct": "right answers", "hangul": "Hangul among the letters"}
_NUMBERS = {"score": "judge's score", "characters": "characters", "tokens": "tokens"}
_COUNTS = {"answers": "answers", "empty": "empty", "looping": "looping", "cut": "cut"}

Report = Mapping[str, Any]


def comparison_section(report: Report, path: Path) -> str:
    """Verdict, differences, and both sides. Raises TrainingError for anything but a comparison."""
    if report["kind"] != "comparison":
        raise TrainingError(
            f"{path} shows one model alone, and a card needs before and after: "
            "`python -m evaluation compare --baseline BASE --candidate BASE+ADAPTER`"
        )
    try:
        if report["format"] != _FORMAT:
            raise ValueError(f"its format is {report['format']}, and {_FORMAT} is known")
        return "\n\n".join(_parts(report))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TrainingError(
            f"{path} is no report of this version ({error}): compare again with it"
        ) from error


def _parts(report: Report) -> Iterator[str]:
    verdict = str(report["verdict"] or "not measured").replace("_", " ")
    asked, judge = report["asked"], report["judge"]
    yield (
        f"**{verdict.capitalize()}**, by `python -m evaluation`: {asked['questions']:,} questions "
        f"of {asked['name']} (SHA-256 `{asked['sha256'][:16]}…`), "
        f"{'judged by ' + judge['model'] if judge else 'without a judge'}."
    )
    yield table(("measure", "before", "after"), _sides(report["baseline"], report["candidate"]))
    yield table(
        ("measure", "difference", "95 % interval", "questions", "verdict"),
        (_difference(one["name"], one["overall"]) for one in report["measures"]),
    )


def _sides(before: Report, after: Report) -> Iterator[tuple[str, str, str]]:
    for label, called in (("name", _name), ("model", _model)):
        if called(before) != called(after):  # behind URLs an adapter has no name of its own
            yield label, called(before), called(after)
    for names, form in ((_COUNTS, "{:,}"), (_SHARES, "{:.0%}"), (_NUMBERS, "{:,.1f}")):
        for name, label in names.items():
            if (before[name], after[name]) != (None, None):
                yield label, _shown(before[name], form), _shown(after[name], form)


def _name(side: Report) -> str:
    """What the command called it; reports of earlier versions have no names."""
    return str(side.get("name") or "–")


def _model(side: Report) -> str:
    """The model with its adapter; of a replay, whose engines are not known, its label."""
    used = side["used"]
    if not used:
        return str(side["label"])
    return f"{used['model']} + {used['adapter']}" if used["adapter"] else str(used["model"])


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else form.format(value)


def _difference(name: str, part: Report) -> tuple[str, str, str, str, str]:
    low, high = part["low"], part["high"]
    interval = "–" if low is None or high is None else f"{low:+.2f} to {high:+.2f}"
    verdict = str(part["verdict"]).replace("_", " ")
    label = _DIFFERENCES.get(name, name)
    return label, f"{part['mean']:+.2f}", interval, f"{part['pairs']:,}", verdict
