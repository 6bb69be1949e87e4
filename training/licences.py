"""Which licence an adapter has from its base, and what that asks of whoever passes it on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Of the vocabulary of Llama 3 and of those extended from it; found where no name tells.
_LLAMA3_MIN_VOCABULARY = 128_256
_MAX_CARD_CHARS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A licence by the hub's key, with its duties in sentences."""

    key: str
    duties: tuple[str, ...] = ()
    name_prefix: str = ""  #: begins the name of what is made of the base


#: Meta Llama 3 Community License Agreement, 1.b.
LLAMA3 = Licence(
    key="llama3",
    duties=(
        "Built with Meta Llama 3.",
        "Where the model is offered, show “Built with Meta Llama 3”; its name begins “Llama 3”.",
        (
            "Pass the Meta Llama 3 Community License and its Acceptable Use Policy on with the "
            "weights, with the notice: “Meta Llama 3 is licensed under the Meta Llama 3 Community "
            "License, Copyright © Meta Platforms, Inc. All Rights Reserved.”"
        ),
    ),
    name_prefix="Llama 3 ",
)
UNKNOWN = Licence(
    key="other",
    duties=("The base names no licence that is known here: read its model card before you share.",),
)


def licence_of(names: Sequence[str], folder: Path, *, model_type: str, vocabulary: int) -> Licence:
    """The base's licence: by its ``names`` and type, else as its own card says."""
    words = " ".join(names).lower()
    is_llama3 = re.search(r"llama-?_?3|bllossom", words) or (
        model_type == "llama" and vocabulary >= _LLAMA3_MIN_VOCABULARY
    )
    if is_llama3:
        return LLAMA3
    if "smollm" in words:
        return Licence(key="apache-2.0")
    card = folder / "README.md"
    if card.is_file() and (key := _card_licence(card.read_text("utf-8", "replace"))):
        return Licence(
            key=key, duties=(f"The base's licence ({key}) counts for this adapter too.",)
        )
    return UNKNOWN


def _card_licence(text: str) -> str:
    matter = re.match(r"---\n(.*?)\n---", text[:_MAX_CARD_CHARS], re.DOTALL)
    found = matter and re.search(r"^license:\s*([\w.-]+)\s*$", matter[1], re.MULTILINE)
    return found[1] if found else ""
