"""What an evaluation found, as a section of the model card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.evaluation_report import REPORT, comparison_section
from training.markdown import table


def read_evaluation(path: Path) -> str:
    """An evaluation as Markdown.

    ``path`` is the folder of a comparison by ``python -m evaluation``, or its ``report.json``;
    a Markdown file, which is taken as it is; or JSON rows of ``{"measure": ..., "before": ...,
    "after": ...}``. Raises TrainingError.
    """
    file = path / REPORT if path.is_dir() else path
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"the evaluation {path} cannot be read: {error}") from error
    if file.suffix != ".json":
        return text.strip()
    try:
        values = json.loads(text)
    except ValueError as error:
        raise TrainingError(f"the evaluation {path} is not JSON: {error}") from error
    if isinstance(values, dict) and "kind" in values:
        return comparison_section(values, path)
    return _rows(values, path)


def _rows(values: Any, path: Path) -> str:
    try:
        rows = [(row["measure"], row["before"], row["after"]) for row in values]
    except (TypeError, KeyError) as error:
        raise TrainingError(
            f'{path} is no list of {{"measure": ..., "before": ..., "after": ...}}: {error}'
        ) from error
    return table(("measure", "before", "after"), rows)
