"""Question files, answers and runs for the tests of the evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluation.questions import AskedTurn, Question, QuestionSet
from evaluation.records import Answer, EngineUsed, Manifest, PairScore, Sampled
from evaluation.run_folder import RunFolder, asked
from inference_queue.protocol import FinishReason

KOREAN_CATEGORIES = ("추론", "수학", "글쓰기", "코딩", "이해", "문법")
ENGLISH_CATEGORIES = ("Reasoning", "Math", "Writing", "Coding", "Understanding", "Grammar")


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A JSONL file."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def logickor_rows() -> list[dict[str, Any]]:
    """Questions of LogicKor's form, of our own: 42 of two turns in its six categories."""
    names = zip(KOREAN_CATEGORIES, ENGLISH_CATEGORIES, strict=True)
    return [
        {
            "id": 7 * place + number + 1,
            "category": f"{korean}({english})",
            "questions": [f"{korean} 문제 {number}번을 풀어 줘.", "방금 답을 한 줄로 줄여 줘."],
            "references": [f"{number}번의 답", None],
        }
        for place, (korean, english) in enumerate(names)
        for number in range(7)
    ]


def question(name: str, *texts: str, category: str = "-", **turn: str) -> Question:
    """A question with these turns; ``turn``: further fields of each."""
    turns = tuple(AskedTurn(text=text, **turn) for text in texts or (f"질문 {name}",))
    return Question(id=name, category=category, turns=turns)


def question_set(*questions: Question) -> QuestionSet:
    """A set of these."""
    return QuestionSet(name="questions.jsonl", sha256="0" * 64, questions=questions)


def answer(
    name: str, text: str, *, turn: int = 0, ended: FinishReason = FinishReason.STOP
) -> Answer:
    """An answer that took a second and ten tokens."""
    return Answer(
        question=name,
        turn=turn,
        text=text,
        finish_reason=ended,
        prompt_tokens=20,
        completion_tokens=10,
        total_ms=1000.0,
    )


def engine_used(name: str = "demo") -> EngineUsed:
    """An engine as a manifest names it."""
    return EngineUsed(
        asked_for=name,
        model="SmolLM2-135M-Instruct",
        preset="demo",
        context_window=8192,
        system_prompt="",
        sampling=Sampled(
            temperature=0.2, top_p=0.9, top_k=0, repetition_penalty=1.1, max_new_tokens=64
        ),
    )


def run_in(
    folder: Path, questions: QuestionSet, answers: Iterable[Answer], *, name: str = "demo"
) -> RunFolder:
    """A run with these answers."""
    manifest = Manifest(
        version="0",
        created_at=datetime(2026, 11, 26, tzinfo=UTC),
        seed=0,
        asked=asked(questions),
        engine=engine_used(name),
    )
    run = RunFolder.begin(folder, manifest, questions)
    for one in answers:
        run.answers.append(one)
    return run


def pair_score(
    name: str, baseline: float | None, candidate: float | None, *, swapped: bool = False
) -> PairScore:
    """The judge's word in one order."""
    return PairScore(question=name, of="", swapped=swapped, baseline=baseline, candidate=candidate)
