"""The one exception of the evaluation."""

from __future__ import annotations


class EvaluationError(Exception):
    """It could not be measured; the text is a sentence that says what to do."""
