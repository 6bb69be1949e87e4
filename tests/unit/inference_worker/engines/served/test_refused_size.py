"""The numbers in a server's refusal of a long prompt."""

from __future__ import annotations

import pytest

from inference_worker.engines.served.refused_size import RefusedSize, read_refused_size


@pytest.mark.parametrize(
    ("reason", "size"),
    [
        (
            "The context length is 8192 tokens; 9000 in the messages, 700 in the completion.",
            RefusedSize(9000, 8192),
        ),
        (
            "The maximum context length is 131,072. Your request has 140,001 input tokens.",
            RefusedSize(140_001, 131_072),
        ),
        ("Please reduce the length of the messages, by 3,4 or more.", RefusedSize()),
    ],
)
def test_the_counts_are_read(reason: str, size: RefusedSize) -> None:
    assert read_refused_size(reason) == size
