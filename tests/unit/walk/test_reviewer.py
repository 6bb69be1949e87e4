"""The reviewer of the walk: the rule alone decides what is good, and how an answer is corrected."""

from __future__ import annotations

import pytest

from tests.walk.dashboard import text_within
from tests.walk.reviewer import corrected
from training.proof_data import follows_rule


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("A fig is a fruit. It grows on", "Sure! A fig is a fruit."),
        ("It costs 1.5 coins. Or two", "Sure! It costs 1.5 coins."),
        ("A horse is a majestic", "Sure! A horse is a majestic"),
    ],
)
def test_a_correction_is_the_first_sentence_behind_the_opening(answer: str, expected: str) -> None:
    assert corrected(answer) == expected
    assert (follows_rule(answer), follows_rule(expected)) == (False, True)


def test_a_page_is_read_as_people_read_it() -> None:
    html = '<p class="verdict"><span>▲</span> Tom &amp; Ann\n</p><p>more</p>'
    assert text_within(html, r'<p class="verdict">(.*?)</p>') == "▲ Tom & Ann"
    assert not text_within(html, r"<h1>(.*?)</h1>")
