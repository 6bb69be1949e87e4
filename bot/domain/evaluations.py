"""Evaluations: what a model was found to be worth, brought by ``python -m bot evaluations``."""

from __future__ import annotations

from enum import StrEnum


class EvaluationKind(StrEnum):
    """What was evaluated."""

    COMPARISON = "comparison"  #: two models on the same questions
    RUN = "run"  #: one model's answers
