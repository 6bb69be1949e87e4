"""Data sets as the dashboard exports them, written to a folder."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

Row = dict[str, Any]


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def sft_row(question: str, answer: str, *, name: str = "") -> Row:
    messages = [said("user", question), said("assistant", answer)]
    return {"id": name or f"sft-{question}", "messages": messages}


def dpo_row(question: str, better: str, worse: str) -> Row:
    return {
        "id": f"dpo-{question}",
        "prompt": [said("user", question)],
        "chosen": [said("assistant", better)],
        "rejected": [said("assistant", worse)],
    }


def sft_rows(numbers: range) -> list[Row]:
    return [sft_row(f"질문 {number}", f"답변 {number}이에요") for number in numbers]


def dpo_rows(numbers: range) -> list[Row]:
    return [
        dpo_row(f"질문 {number}", f"답변 {number}이에요", f"몰라 {number}") for number in numbers
    ]


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def write_folder(folder: Path, **splits: Sequence[Any]) -> Path:
    for name, rows in splits.items():
        write_rows(folder / f"{name}.jsonl", rows)
    return folder


def need_trl() -> None:
    """Skip, and say why: trainings take minutes, and TRL is no part of the tests' environment.

    `make train-tests` has installed it: a TRL that cannot be imported fails there.
    """
    if os.environ.get("TRAIN_TESTS") != "1":
        pytest.skip("trains with TRL: `make train-tests` runs this", allow_module_level=True)
    importlib.import_module("trl")
