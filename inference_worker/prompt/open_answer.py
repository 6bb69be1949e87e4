"""An open answer: the last message is the assistant's, cut by a limit, and the model goes on in it.

Only a worker makes such messages, of a job that continues: without its last message, which asks to
go on, and which is answered wherever the model cannot go on.
"""

from __future__ import annotations

from collections.abc import Sequence

from inference_queue.protocol import Message, Role


def split_open(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """The messages before the open answer, and its text; all of them and "" where none is open."""
    if is_open(messages):
        return messages[:-1], messages[-1].content
    return messages, ""


def is_open(messages: Sequence[Message]) -> bool:
    """Whether the model goes on in the last message."""
    return bool(messages) and messages[-1].role is Role.ASSISTANT
