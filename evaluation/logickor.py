"""LogicKor, as the card of Bllossom reports it: good for the card's row, and for nothing finer.

42 questions of two turns in six categories, by instructkr (doi 10.57967/hf/2440), CC BY-SA 4.0;
archived by its authors in October 2024, because it no longer told good models apart.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Mapping

from evaluation.errors import EvaluationError
from evaluation.questions import Question, QuestionSet

ATTRIBUTION = (
    "LogicKor by instructkr (doi:10.57967/hf/2440), CC BY-SA 4.0; archived by its authors in "
    "October 2024."
)
CATEGORIES = ("Math", "Reasoning", "Writing", "Coding", "Understanding", "Grammar")
QUESTIONS_EACH = 7
TURNS = 2
#: The standard error of a paired difference of two models' scores on so few questions.
STANDARD_ERROR = 0.5

#: The questions, one of each category, whose words tell the published file from others. A checksum
#: of its bytes would refuse a copy with other line ends.
FINGERPRINTED = ("5", "14", "19", "26", "35", "37")
FINGERPRINT = "16c1b6b1f56cf4c806e474c150ce67fd5a5cef185d04b48d270a0cb14411e56f"

#: The row of the model card of MLP-KTLim/llama-3-Korean-Bllossom-8B.
CARD: Mapping[str, float] = {
    "Math": 5.43,
    "Reasoning": 8.29,
    "Writing": 9.0,
    "Coding": 4.43,
    "Understanding": 7.57,
    "Grammar": 6.86,
    "single": 6.93,
    "multi": 6.93,
    "overall": 6.93,
}
CARD_MODEL = "MLP-KTLim/llama-3-Korean-Bllossom-8B"


def as_logickor(asked: QuestionSet) -> QuestionSet:
    """The set with the card's names of categories. Raises EvaluationError for another set."""
    renamed = [one.model_copy(update={"category": _category(one)}) for one in asked.questions]
    counted = Counter(one.category for one in renamed)
    if counted != dict.fromkeys(CATEGORIES, QUESTIONS_EACH):
        raise EvaluationError(
            f"{asked.name} is not LogicKor: it needs {QUESTIONS_EACH} questions of each of "
            f"{', '.join(CATEGORIES)}. For questions of your own there are `answer` and `compare`."
        )
    if any(len(one.turns) != TURNS for one in renamed):
        raise EvaluationError(
            f"{asked.name} is not LogicKor: each of its questions has {TURNS} turns."
        )
    return asked.model_copy(update={"questions": tuple(renamed)})


def refuse_changed(asked: QuestionSet) -> None:
    """Raises EvaluationError unless the questions are those that were published."""
    if fingerprint(asked) != FINGERPRINT:
        raise EvaluationError(
            f"{asked.name} has the form of LogicKor and other questions. Fetch questions.jsonl "
            f"again, or pass --sha256 {asked.sha256} if these are meant; the card's row then means "
            "nothing."
        )


def fingerprint(asked: QuestionSet) -> str:
    """Of the ids and words of the questions in ``FINGERPRINTED``."""
    known = {one.id: one for one in asked.questions}
    lines = [
        "\x1f".join((name, *(turn.text for turn in known[name].turns)))
        for name in FINGERPRINTED
        if name in known
    ]
    return hashlib.sha256(unicodedata.normalize("NFC", "\x1e".join(lines)).encode()).hexdigest()


def _category(question: Question) -> str:
    """``수학(Math)`` is Math."""
    return question.category.rpartition("(")[2].rstrip(")").strip()
