"""What an evaluation found, as a section of the model card."""

from __future__ import annotations

import json
from pathlib import Path

from training.errors import TrainingError


def read_evaluation(path: Path) -> str:
    """An evaluation as Markdown: a Markdown file as it is, rows of JSON as a table.

    A row is ``{"measure": ..., "before": ..., "after": ...}``. Raises TrainingError.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"the evaluation {path} cannot be read: {error}") from error
    if path.suffix != ".json":
        return text.strip()
    try:
        rows = json.loads(text)
        lines = [f"| {r['measure']} | {r['before']} | {r['after']} |" for r in rows]
    except (ValueError, TypeError, KeyError) as error:
        raise TrainingError(
            f'{path} is no list of {{"measure": ..., "before": ..., "after": ...}}: {error}'
        ) from error
    return "\n".join(["| measure | before | after |", "|---|---|---|", *lines])
