"""Reads a judge's verdict: strictly, because its words may repeat what an answer asks for.

A verdict is the last line, and nothing else in it: JSON as it was asked for, or numbers in double
brackets. A second verdict with other numbers anywhere makes both worth nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from evaluation.judge.client import JudgeError
from evaluation.records import NotJudged

MIN_SCORE, MAX_SCORE = 1.0, 10.0

_NUMBER = r"-?\d{1,6}(?:\.\d{1,6})?"
_JSON = re.compile(r"\{[^{}]{1,200}\}")
_BRACKETS = re.compile(rf"\[\[\s*({_NUMBER}(?:\s*,\s*{_NUMBER})*)\s*\]\]")
_FENCE = re.compile(r"^\s*```[a-z]*\s*$", re.MULTILINE)


def read_scores(written: str, names: Sequence[str]) -> tuple[float, ...]:
    """The scores under these names, in their order. Raises JudgeError."""
    text = _FENCE.sub("", written).strip()
    found = set(_verdicts(text, names))
    last_line = text.rpartition("\n")[2].strip().strip("*` ")
    final = next(_verdicts(last_line, names), None)
    if final is None or not _is_all(last_line):
        raise JudgeError(NotJudged.NO_NUMBER, written)
    if len(found) > 1:
        raise JudgeError(NotJudged.AMBIGUOUS, written)
    if any(not MIN_SCORE <= score <= MAX_SCORE for score in final):
        raise JudgeError(NotJudged.OUT_OF_SCALE, written)
    return final


def _verdicts(text: str, names: Sequence[str]) -> Iterator[tuple[float, ...]]:
    for found in _JSON.finditer(text):
        if (scores := _from_json(found.group(), names)) is not None:
            yield scores
    for found in _BRACKETS.finditer(text):
        numbers = tuple(float(number) for number in found.group(1).split(","))
        if len(numbers) == len(names):
            yield numbers


def _from_json(text: str, names: Sequence[str]) -> tuple[float, ...] | None:
    try:
        read = json.loads(text)
    except ValueError:
        return None
    values = [read.get(name) for name in names]
    if set(read) != set(names) or not all(_is_number(value) for value in values):
        return None
    return tuple(float(value) for value in values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_all(line: str) -> bool:
    """Whether the line is a verdict and nothing else."""
    return bool(_JSON.fullmatch(line) or _BRACKETS.fullmatch(line))
