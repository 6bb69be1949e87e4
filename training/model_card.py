"""The model card: the README of an adapter, as the Hugging Face hub reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from training.markdown import table
from training.training_record import TrainingRecord

#: The sections of the data's own card stand below ours.
_HEADING_SHIFT = "##"


def model_card(record: TrainingRecord, evaluation: str = "") -> str:
    """The card; ``evaluation`` is Markdown."""
    sections = [
        "\n".join(_front_matter(record)),
        f"# {record.name}",
        _summary(record),
        f"## How to use it\n\n{_use(record)}",
        f"## Measured on held-out items\n\n{_measured(record)}",
        *([f"## Evaluation\n\n{evaluation}"] if evaluation else []),
        f"## Data\n\n{_data(record)}",
        *([f"## Data card\n\n{_lowered(record.data_card)}"] if record.data_card else []),
        f"## Hyperparameters\n\n{table(('name', 'value'), record.hyperparameters.items())}",
        f"## Made with\n\n{table(('name', 'value'), _made_with(record))}",
        "## Licence\n\n" + "\n".join(f"- {one}" for one in (_licence(record), *record.duties)),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(record: TrainingRecord) -> Iterator[str]:
    yield "---"
    yield f"base_model: {json.dumps(record.base, ensure_ascii=False)}"
    yield "library_name: peft"
    yield "pipeline_tag: text-generation"
    yield "language: [ko]"
    yield f"license: {record.licence}"
    yield f"tags: [lora, trl, {record.kind}]"
    yield "---"


def _summary(record: TrainingRecord) -> str:
    how = "supervised fine-tuning" if record.kind == "sft" else "direct preference optimisation"
    return f"LoRA weights for `{record.base}`, from {how} on the data set “{record.data}”."


def _use(record: TrainingRecord) -> str:
    prompt = record.system_prompt or "(none)"
    return (
        "`WORKER_ADAPTER=THIS_FOLDER` beside the `WORKER_MODEL` that it was trained on, in the "
        "number format of your choice. Trained with the worker's own prompt, and this system "
        f"prompt:\n\n```\n{prompt}\n```"
    )


def _measured(record: TrainingRecord) -> str:
    if not record.before and not record.after:
        return "There were no held-out items: nothing was measured."
    rows = (
        (name, _number(record.before.get(name)), _number(record.after.get(name)))
        for name in {**record.before, **record.after}
    )
    return table(("measure", "before", "after"), rows)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _data(record: TrainingRecord) -> str:
    rows = {"data set": record.data, "SHA-256": f"`{record.data_sha256}`", **record.counts}
    return table(("name", "value"), rows.items())


def _lowered(card: str) -> str:
    """The data's card without its front matter, each heading two levels deeper."""
    body = card
    if card.startswith("---\n"):
        _matter, _end, body = card[4:].partition("\n---\n")
    lines = (
        f"{_HEADING_SHIFT}{line}" if line.startswith("#") else line for line in body.split("\n")
    )
    return "\n".join(lines).strip()


def _made_with(record: TrainingRecord) -> Iterator[tuple[str, object]]:
    yield "commit", f"`{record.commit}`"
    yield "finished", record.trained_at
    yield from record.versions.items()


def _licence(record: TrainingRecord) -> str:
    return f"The base's licence: `{record.licence}`."
