"""An open answer: the last message is the assistant's, cut by a limit, and the model goes on in it.

Only a worker makes such messages, of a job that continues. The job's last message, which asks to go
on, is answered wherever the model cannot go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from inference_queue.protocol import Job, Message, Role


def opened(job: Job) -> tuple[Message, ...]:
    """The messages of a job that continues, up to the answer that is left open.

    Without the blanks at its end: tokenizers join a blank with the word behind it, and models know
    a blank alone only before no word. Line feeds are tokens of their own.
    """
    *before, written = job.messages[:-1]
    return (*before, replace(written, content=written.content.rstrip(" \t")))


def split_open(messages: Sequence[Message]) -> tuple[Sequence[Message], str]:
    """The messages before the open answer, and its text; all of them and "" where none is open."""
    if is_open(messages):
        return messages[:-1], messages[-1].content
    return messages, ""


def is_open(messages: Sequence[Message]) -> bool:
    """Whether the model goes on in the last message."""
    return bool(messages) and messages[-1].role is Role.ASSISTANT
