"""Reports of evaluations, as ``python -m evaluation`` writes them, in the dashboard's database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.evaluations.bringing import bring
from evaluation.comparing import compare
from evaluation.pairs import Side, pairs_of
from evaluation.records import JudgeUsed, PairScore
from evaluation.reports.comparison import ComparedSides, comparison_report
from evaluation.reports.run import run_report
from tests.support.evaluation import answer, question, question_set, run_in

JUDGE = JudgeUsed(url="http://127.0.0.1:9/v1", model="심사 모델", prompt_version=1, seed=0)
NAMES = tuple(f"q{number}" for number in range(12))


def comparison(
    names: Sequence[str] = NAMES, *, better: bool = True, texts: Mapping[str, str] | None = None
) -> bytes:
    """``report.json`` of a comparison whose candidate the judge likes better, or worse."""
    asked = question_set(
        *(
            question(name, category="환불" if place % 3 else "배송")
            for place, name in enumerate(names)
        )
    )
    old, new = (
        Side(
            label=label,
            answers={(name, 0): answer(name, (texts or {}).get(name, text)) for name in names},
        )
        for label, text in (("옛 모델", "7일 안에 됩니다."), ("새 모델", "네, 7일 안이면 돼요."))
    )
    pairs = pairs_of(asked, old, new)
    scores = [
        PairScore(
            question=name,
            of="",
            swapped=swapped,
            baseline=6,
            candidate=(8 if better else 4) + place % 3 - 1,
        )
        for place, name in enumerate(names[:-1])
        for swapped in (False, True)
    ]
    compared = compare(pairs, old, new, scores, has_judge=True, seed=0)
    sides = ComparedSides(
        questions=asked, baseline=old, candidate=new, pair_scores=scores, judge=JUDGE, seed=0
    )
    return comparison_report(sides, compared).model_dump_json().encode()


def logickor() -> bytes:
    """``report.json`` of one model's answers."""
    asked = question_set(question("1", "처음", "다음", category="Math"))
    with TemporaryDirectory() as folder:
        answers = [answer("1", f"{turn}번째 답", turn=turn) for turn in (0, 1)]
        run = run_in(Path(folder), asked, answers)
        run.judge_with(JUDGE)
        return run_report(run, is_logickor=True).model_dump_json().encode()


def changed(content: bytes, **fields: Any) -> bytes:
    """The report with other fields."""
    return json.dumps(json.loads(content) | fields).encode()


async def add_evaluation(database: AsyncEngine, content: bytes | None = None) -> int:
    """Bring a report; its number."""
    async with database.begin() as connection:
        brought = await bring(connection, content or comparison(), author="김하나")
    assert brought.id is not None
    return brought.id
