"""A step that did not come out as it has to."""

from __future__ import annotations


class WalkError(Exception):
    """Ends the walk; its text is a sentence that says what was seen."""
