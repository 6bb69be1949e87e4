"""Pairs for the proof: a rule that can be checked without a judge, on English that SmolLM2 speaks.

The better answer begins with ``OPENING``; else it is the worse one. No thing that is asked for in
the training is asked for in what is held out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

OPENING = "Sure!"
#: The rule as ``python -m evaluation`` checks it.
PATTERN = rf"^\s*{OPENING}"

#: Kinds of things, ten of each.
THINGS = {
    "fruit": "banana cherry fig grape lemon mango melon peach pear plum",
    "animal": "bear cat cow dog goat horse lion rabbit sheep tiger",
    "tool": "chisel drill file hammer shovel pliers rake saw screwdriver wrench",
    "instrument": "cello clarinet drum flute guitar harp piano trumpet tuba violin",
    "garment": "belt coat dress glove hat jacket scarf shirt skirt sock",
    "vehicle": "boat bus car ferry lorry motorcycle plane ship train tram",
}
QUESTIONS = (
    "What is a {}?",
    "Tell me about the {}.",
    "Describe a {} in one sentence.",
    "Is the {} something I should know?",
)
_ALL = [(name, kind) for kind, names in THINGS.items() for name in names.split()]
#: Each a name and its kind. Every sixth is held out, so that each kind is on both sides.
HELD_OUT = _ALL[::6]
TRAIN = [thing for at, thing in enumerate(_ALL) if at % 6]


def follows_rule(answer: str) -> bool:
    """Whether an answer is of the form that the pairs prefer."""
    return bool(re.match(PATTERN, answer))


def write_pairs(folder: Path) -> None:
    """Write 200 pairs to train on and 40 held out."""
    folder.mkdir(parents=True)
    for name, things in (("train", TRAIN), ("validation", HELD_OUT)):
        _write(folder / f"{name}.jsonl", _pairs(things))


def write_questions(path: Path) -> None:
    """Write the 40 held-out questions for ``python -m evaluation``, each with the rule."""
    rows = (
        {"id": f"{name}-{at}", "category": kind, "question": text.format(name), "pattern": PATTERN}
        for name, kind in HELD_OUT
        for at, text in enumerate(QUESTIONS, 1)
    )
    _write(path, rows)


def _pairs(things: Iterable[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for name, kind in things:
        for question in QUESTIONS:
            answer = f"A {name} is a kind of {kind}."
            yield {
                "prompt": [{"role": "user", "content": question.format(name)}],
                "chosen": [{"role": "assistant", "content": f"{OPENING} {answer}"}],
                "rejected": [{"role": "assistant", "content": answer}],
            }


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
