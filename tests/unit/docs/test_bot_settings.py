"""The guides to the settings in the database name every key, with its bounds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.configs.keys import (
    KEYS,
    MAX_NOTICE_CHARS,
    MAX_PROMPT_CHARS,
    MAX_TEXT_CHARS,
    MAX_TYPED_PROMPT_CHARS,
)
from bot.configs.kinds import Choice, Number
from bot.configs.reader import MAX_SCOPES

DOCS = Path(__file__).parents[3] / "docs"

every_guide = pytest.mark.parametrize("name", ["bot-settings.md", "bot-settings.ko.md"])


@every_guide
def test_the_guide_names_the_keys_there_are(name: str) -> None:
    rows = re.findall(
        r"^\| (`[a-z_.`, ]+`) \| (.+) \| .+ \|$", (DOCS / name).read_text(), re.MULTILINE
    )
    described = {key: words for keys, words in rows for key in re.findall(r"`([a-z_.]+)`", keys)}
    assert set(described) - {"--messenger"} == set(KEYS)
    for key, kind in KEYS.items():
        if isinstance(kind, Number):
            assert {str(kind.low), str(kind.high)} <= set(re.findall(r"\d+", described[key])), key
        if isinstance(kind, Choice):
            assert set(kind.words) <= set(re.findall(r"`([\w-]+)`", described[key])), key


@every_guide
def test_the_guide_names_the_lengths_there_are(name: str) -> None:
    guide = (DOCS / name).read_text()
    lengths = (MAX_PROMPT_CHARS, MAX_TYPED_PROMPT_CHARS, MAX_TEXT_CHARS, MAX_NOTICE_CHARS)
    for number in (*lengths, MAX_SCOPES):
        assert f"{number:,}" in guide
