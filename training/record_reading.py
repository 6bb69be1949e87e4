"""A line of a data set to a record: TRL's conversational formats, as the dashboard exports them."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from inference_queue.protocol import Message, Role
from training.errors import TrainingError
from training.records import Kind, Record

ROLES = ", ".join(role.value for role in Role)
#: The columns of each kind, the first of them as the dashboard exports it.
COLUMNS = {
    Kind.SFT: (("messages",), ("prompt", "completion")),
    Kind.DPO: (("prompt", "chosen", "rejected"), ("chosen", "rejected")),
}


def read_record(line: bytes, kind: Kind, where: str) -> Record:
    """The record of a line; ``where`` names file and line. Raises TrainingError."""
    values = _json_object(line, where)
    columns = next((c for c in COLUMNS[kind] if all(values.get(name) for name in c)), None)
    if columns is None:
        raise TrainingError(_wrong_columns(values, kind, where))
    texts = {name: _messages(values[name], f"{where}, column {name}") for name in columns}
    prompt, answers = _split(texts, kind, where)
    return Record(id=str(values.get("id") or where), prompt=prompt, answers=answers)


def _json_object(line: bytes, where: str) -> dict[str, Any]:
    try:
        values = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise TrainingError(f"{where} is not UTF-8; {_other_encoding(line)}") from error
    except ValueError as error:
        raise TrainingError(
            f"{where} is not JSON ({error}): a data set is JSONL, one object on each line, as the "
            "dashboard exports it"
        ) from error
    if not isinstance(values, dict):
        raise TrainingError(f"{where} is no JSON object, but {type(values).__name__}")
    return values


def _other_encoding(line: bytes) -> str:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it looks like UTF-16: `iconv -f utf-16 -t utf-8 OLD > NEW`"
    return "old Korean files are CP949: `iconv -f cp949 -t utf-8 OLD > NEW`"


def _wrong_columns(values: dict[str, Any], kind: Kind, where: str) -> str:
    other = Kind.DPO if kind is Kind.SFT else Kind.SFT
    if all(values.get(name) for name in COLUMNS[other][0]):
        return f"{where} is an item for {other}: use `python -m training {other}` with this data"
    if kind is Kind.DPO and bool(values.get("chosen")) != bool(values.get("rejected")):
        there = "chosen" if values.get("chosen") else "rejected"
        return (
            f"{where} has one class only ({there}): DPO compares a better answer with a worse one; "
            "for good answers alone there is `python -m training sft`"
        )
    wanted = " or ".join("+".join(columns) for columns in COLUMNS[kind])
    return f"{where} has the columns {', '.join(values) or 'none'}, but {kind} needs {wanted}"


def _messages(value: object, where: str) -> list[Message]:
    if not isinstance(value, list):
        raise TrainingError(
            f"{where} is no list of messages: convert it to "
            '[{"role": "user", "content": "..."}, ...]'
        )
    return [_message(one, f"{where}, message {at}") for at, one in enumerate(value, 1)]


def _message(value: object, where: str) -> Message:
    fields = value if isinstance(value, dict) else {}
    role, content = fields.get("role"), fields.get("content")
    if not isinstance(content, str):
        raise TrainingError(f"{where} has no text as its content: only texts can be trained on")
    if role not in [known.value for known in Role]:
        raise TrainingError(
            f"{where} has the role {role!r}, which the template does not know: use {ROLES}, or "
            "leave the item out"
        )
    try:
        content.encode()
    except UnicodeEncodeError as error:
        raise TrainingError(f"{where} holds half of a character: {error.reason}") from error
    # As the bot composes what people type: files from a Mac hold single jamo.
    return Message(Role(role), unicodedata.normalize("NFC", content))


def _split(
    texts: dict[str, list[Message]], kind: Kind, where: str
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """The prompt, and the answers."""
    if "messages" in texts or kind is Kind.SFT:
        whole = texts.get("messages") or [*texts["prompt"], *texts["completion"]]
        prompt, answers = whole[:-1], [whole[-1]]
    else:
        before = texts.get("prompt", [])
        pair = [[*before, *texts[name]] for name in ("chosen", "rejected")]
        if pair[0][:-1] != pair[1][:-1]:
            raise TrainingError(f"{where}: chosen and rejected do not answer the same messages")
        prompt, answers = pair[0][:-1], [one[-1] for one in pair]
    if not prompt or prompt[-1].role is not Role.USER:
        raise TrainingError(f"{where} has no user's message before the answer")
    if any(answer.role is not Role.ASSISTANT for answer in answers):
        raise TrainingError(f"{where} does not end with the assistant's answer")
    # The blanks around an answer are the template's matter.
    stripped = tuple(answer.content.strip() for answer in answers)
    if not all(stripped):
        raise TrainingError(f"{where} has an empty answer: leave the item out")
    return tuple(prompt), stripped
