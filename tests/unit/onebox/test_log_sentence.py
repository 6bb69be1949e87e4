"""A log line for people is its sentence, however the line is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onebox.log_sentence import MAX_CHARS, sentence

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py"\nValueError: too few'


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("FATAL: the disk is full", "FATAL: the disk is full"),
        ('{"event": "engine_unusable", "error": "토큰이 없어요."}', "토큰이 없어요."),
        ('{"event": "model_progress", "progress": "Asking."}', "Asking."),
        ('{"event": "worker_stopped", "level": "info"}', "worker_stopped"),
        (json.dumps({"event": "loop_broke", "exception": TRACEBACK}), "ValueError: too few"),
        ('{"odd": 1}', '{"odd": 1}'),
        ("[1, 2]", "[1, 2]"),
        ("{", "{"),
    ],
)
def test_the_sentence_of_a_line_is_shown(line: str, shown: str) -> None:
    assert sentence(line) == shown


@given(
    st.text() | st.dictionaries(st.sampled_from(["error", "event", "x"]), st.text()).map(json.dumps)
)
def test_any_line_is_shown_in_short(line: str) -> None:
    assert len(sentence(line)) <= MAX_CHARS
