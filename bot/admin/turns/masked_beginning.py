"""The beginning of a text, masked, for lists without a search."""

from __future__ import annotations

from bot.domain.normal_form import nfc
from bot.privacy.cutting import whole_beginning
from bot.privacy.masking import mask

#: Code points shown.
LENGTH = 140
#: Code points masked with them, so that no number is cut before masking.
_MARGIN = 460


def masked_beginning(text: str) -> str:
    """One line of at most ``LENGTH`` code points and an ellipsis, without personal data."""
    masked = mask(" ".join(nfc(whole_beginning(text, LENGTH + _MARGIN)).split()))
    return masked if len(masked) <= LENGTH else f"{masked[:LENGTH]}…"
