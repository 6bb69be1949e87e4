"""Reads questions: LogicKor's, the dashboard's exports for SFT and DPO, and a company's own.

A line is a JSON object with one of
- ``questions``: the turns of a question, as LogicKor has them, with ``references`` for the judge,
- ``prompt``: messages that end with the person's (DPO),
- ``messages``: the same with the answer behind, which is not asked (SFT),
- ``question``: a text,
and, where wanted, ``id``, ``category``, ``reference`` (the only right answer) and ``pattern`` (a
regular expression that a right answer contains).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evaluation.errors import EvaluationError
from evaluation.progress import say
from evaluation.questions import (
    UNNAMED,
    AskedTurn,
    Question,
    QuestionSet,
    Spoken,
    file_sha256,
    without_repeated,
)
from inference_queue.protocol import Role

MAX_BYTES = 64 * 1024 * 1024
MAX_QUESTIONS = 20_000
#: LogicKor asks two turns; one of its lines holds a third, which is not asked.
LOGICKOR_TURNS = 2


def read_questions(path: Path, *, sha256: str = "") -> QuestionSet:
    """All questions of a file, without repeated ones. Raises EvaluationError.

    ``sha256``: the checksum that the file has to have; empty: any.
    """
    checksum = _checksum(path)
    if sha256 and checksum != sha256.strip().lower():
        raise EvaluationError(
            f"{path} is not the file that was expected: its SHA-256 is {checksum}, not {sha256}. "
            "Fetch it again, or leave --sha256 out if another version is meant."
        )
    questions = [_read(line, number, path) for number, line in _lines(path)]
    if not questions:
        raise EvaluationError(f"{path} has no questions: it needs one JSON object a line.")
    if len(questions) > MAX_QUESTIONS:
        raise EvaluationError(f"{path} has more than {MAX_QUESTIONS:,} questions: split it.")
    _refuse_equal_ids(questions, path)
    kept = without_repeated(questions)
    return QuestionSet(
        name=path.name,
        sha256=checksum,
        questions=tuple(kept),
        repeated=len(questions) - len(kept),
    )


def without_trained(asked: QuestionSet, path: Path) -> QuestionSet:
    """The questions that training has not seen; ``path``: the file that it was given.

    A model that has learned the answers would look better than it is. Raises EvaluationError.
    """
    trained = {one.text_digest for one in read_questions(path).questions}
    kept = tuple(one for one in asked.questions if one.text_digest not in trained)
    if not kept:
        raise EvaluationError(
            f"Every question of {asked.name} stands in {path.name} as well: a comparison needs "
            "questions that training has not seen, such as test.jsonl of the same export."
        )
    say(f"{len(asked.questions) - len(kept)} questions stand in {path.name} and are left out.")
    return asked.model_copy(update={"questions": kept})


def _checksum(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EvaluationError(f"{path} is larger than {MAX_BYTES // 2**20} MiB: split it.")
        return file_sha256(path)
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read ({error.strerror}): check its name."
        ) from None


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise EvaluationError(f"{path} is not UTF-8: save it in that encoding.") from None
    # Not splitlines: U+2028 and its like may stand within a JSON string.
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def _read(line: str, number: int, path: Path) -> Question:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise _wrong(path, number, "it is not a JSON object")
    try:
        turns, history = _asked(row)
        return Question(
            id=str(row.get("id", number)),
            category=str(row.get("category") or UNNAMED),
            history=history,
            turns=turns,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise _wrong(path, number, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    except ValueError as error:
        raise _wrong(path, number, str(error)) from None


def _asked(row: Mapping[str, Any]) -> tuple[tuple[AskedTurn, ...], tuple[Spoken, ...]]:
    """The turns and what stands before them. Raises ValueError."""
    if "questions" in row:
        return _logickor_turns(row), ()
    if "prompt" in row:
        messages = _messages(row["prompt"])
    elif "messages" in row:
        messages = _messages(row["messages"])
        messages = messages[:-1] if messages[-1].role is Role.ASSISTANT else messages
    elif "question" in row:
        messages = (Spoken(role=Role.USER, content=row["question"]),)
    else:
        raise ValueError("it has none of questions, prompt, messages, question")
    if not messages or messages[-1].role is not Role.USER:
        raise ValueError("the last message that is asked must be the user's")
    pattern = _pattern(row.get("pattern"))
    reference = row.get("reference") or ""
    turn = AskedTurn(
        text=messages[-1].content, reference=reference, guide=reference, pattern=pattern
    )
    return (turn,), messages[:-1]


def _logickor_turns(row: Mapping[str, Any]) -> tuple[AskedTurn, ...]:
    texts, guides = row["questions"], row.get("references") or ()
    if not isinstance(texts, list) or not isinstance(guides, Sequence):
        raise ValueError("questions and references must be lists")
    padded = [*guides, *[None] * len(texts)]
    return tuple(
        AskedTurn(text=text, guide=guide or "")
        for text, guide in zip(texts[:LOGICKOR_TURNS], padded, strict=False)
    )


def _messages(listed: Any) -> tuple[Spoken, ...]:
    if not isinstance(listed, list) or not listed:
        raise ValueError("the messages must be a list that is not empty")
    return tuple(_message(one) for one in listed)


def _message(one: Any) -> Spoken:
    if not isinstance(one, dict) or not isinstance(one.get("content"), str):
        raise ValueError("a message needs a role and a text")
    known = [role.value for role in Role]
    if one.get("role") not in known:
        raise ValueError(
            f"the chat template does not know the role {one.get('role')!r}; known are "
            f"{', '.join(known)}"
        )
    return Spoken(role=Role(one["role"]), content=one["content"])


def _pattern(raw: Any) -> str:
    try:
        re.compile(raw or "")
    except (re.error, TypeError) as error:
        raise ValueError(f"pattern is no regular expression: {error}") from None
    return raw or ""


def _refuse_equal_ids(questions: Sequence[Question], path: Path) -> None:
    counted = Counter(one.id for one in questions)
    if equal := [name for name, count in counted.items() if count > 1]:
        raise EvaluationError(
            f"{path} has more than one question with the id {equal[0]}: give each its own."
        )


def _wrong(path: Path, number: int, why: str) -> EvaluationError:
    return EvaluationError(f"{path}, line {number}: {why}. Correct the line or take it out.")
