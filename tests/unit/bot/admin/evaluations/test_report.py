"""What a report calls its sides and categories, and what it says of its judge."""

from __future__ import annotations

import json
from typing import Any

from bot.admin.evaluations.report import ReportFile
from bot.admin.evaluations.view_models import in_words
from tests.support.evaluations import changed, comparison


def titles(**sides: dict[str, Any]) -> tuple[str, str]:
    report = json.loads(comparison())
    for side, fields in sides.items():
        report[side] |= fields
    return ReportFile.model_validate(report).titles


SERVED = {"model": "bllossom-8b", "preset": "bllossom-8b"}


def test_sides_have_the_names_of_their_models() -> None:
    candidate = {"used": SERVED | {"model": "support-1"}}
    assert titles(baseline={"used": SERVED}, candidate=candidate) == ("bllossom-8b", "support-1")


def test_equal_models_are_told_apart_by_what_was_asked_for() -> None:
    one, other = "http://127.0.0.1:8001/v1", "http://127.0.0.1:8002/v1"
    sides = {"baseline": {"label": one}, "candidate": {"label": other}}
    assert titles(**{side: label | {"used": SERVED} for side, label in sides.items()}) == (
        one,
        other,
    )


def test_names_that_the_command_gave_come_before_both() -> None:
    named = {"name": "상담 2호", "used": SERVED}
    assert titles(baseline={"used": SERVED}, candidate=named) == ("bllossom-8b", "상담 2호")
    both = titles(baseline=named | {"name": "지금 모델"}, candidate=named)
    assert both == ("지금 모델", "상담 2호")


def test_names_that_postgres_refuses_are_stored_without_that() -> None:
    report = json.loads(comparison())
    report["candidate"]["label"] = "새\x00 모델"
    for measure in report["measures"]:
        measure["categories"] = {f"{name}\x00": one for name, one in measure["categories"].items()}
    stored = ReportFile.model_validate_json(json.dumps(report)).model_dump_json()
    assert "\\u0000" not in stored
    assert "새 모델" in stored


def test_it_is_said_where_the_judge_decided_nothing() -> None:
    sentence = "심사 모델이 심사한 쌍이 없어 다른 기준으로 정했습니다."
    by_judge, by_another, without_judge = (
        ReportFile.model_validate_json(changed(comparison(), **fields))
        for fields in ({}, {"primary": "sound"}, {"primary": "sound", "judge": None})
    )
    assert sentence in in_words(by_another)
    assert sentence not in in_words(by_judge)
    assert sentence not in in_words(without_judge)
