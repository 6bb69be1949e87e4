"""Pairs for the proof: a rule that can be checked without a judge, on English that SmolLM2 speaks.

The better answer begins with ``OPENING``; else it is the worse one. No thing that is asked for in
the training is asked for in what is held out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPENING = "Sure!"

#: Kinds of things, ten of each.
THINGS = {
    "fruit": "banana cherry fig grape lemon mango melon peach pear plum",
    "animal": "bear cat cow dog goat horse lion rabbit sheep tiger",
    "tool": "chisel drill file hammer plane pliers rake saw screwdriver wrench",
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
#: Of the 240 questions, those about so many things are held out.
HELD_OUT_THINGS = 10


def follows_rule(answer: str) -> bool:
    """Whether an answer is of the form that the pairs prefer."""
    return answer.lstrip().startswith(OPENING)


def write_pairs(folder: Path) -> list[str]:
    """Write 200 pairs to train on and 40 held out; returns the questions that are held out."""
    things = [(name, kind) for kind, names in THINGS.items() for name in names.split()]
    # Every sixth, so that each kind is on both sides.
    held_out, train = things[::6], [thing for at, thing in enumerate(things) if at % 6]
    assert len(held_out) == HELD_OUT_THINGS  # noqa: S101 - the two tables belong together
    folder.mkdir(parents=True)
    for name, chosen in (("train", train), ("validation", held_out)):
        rows = [json.dumps(row, ensure_ascii=False) for row in _rows(chosen)]
        (folder / f"{name}.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    return [row["prompt"][0]["content"] for row in _rows(held_out)]


def _rows(things: list[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    for name, kind in things:
        for question in QUESTIONS:
            answer = f"A {name} is a kind of {kind}."
            yield {
                "prompt": [{"role": "user", "content": question.format(name)}],
                "chosen": [{"role": "assistant", "content": f"{OPENING} {answer}"}],
                "rejected": [{"role": "assistant", "content": answer}],
            }
