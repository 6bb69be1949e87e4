"""Badges: a state as a word, a shape and a colour, for readers who do not see the colour too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.admin.web import labels
from bot.admin.web.language import translate as _


@dataclass(frozen=True, slots=True)
class Badge:
    """A state as a label, a shape and a colour."""

    label: str
    shape: str
    tone: str  #: a key of ``labels.SHAPES``

    def said(self) -> Badge:
        """The same in the reader's language; the label is a key of the catalog."""
        return Badge(_(self.label), self.shape, self.tone)


def badge_of(state: str, known: Mapping[str, str], tones: Mapping[str, str] | None = None) -> Badge:
    """The badge of a stored state; without ``tones`` in the tone that it has on all pages."""
    tone = labels.tone(state) if tones is None else tones.get(state, "open")
    return Badge(labels.label(state, known), labels.SHAPES[tone], tone)
