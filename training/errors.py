"""The one error that people see."""

from __future__ import annotations


class TrainingError(Exception):
    """Somebody has to change something first; the text is a sentence that says what."""
