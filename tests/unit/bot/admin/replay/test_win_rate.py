"""The win rate, its interval, and the verdict."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.admin.replay.win_rate import WinRate, win_rate
from bot.domain.replays import Preference
from measures.shares import Clusters, effective_size, student_t, wilson
from measures.verdict import Verdict

NEW, OLD, TIE, BOTH_BAD = Preference.NEW, Preference.OLD, Preference.TIE, Preference.BOTH_BAD


@dataclass(frozen=True, kw_only=True)
class JudgedItem:
    """An item with its votes."""

    conversation_id: int
    votes: Sequence[Preference]

    @property
    def score(self) -> float:
        return sum(vote.score for vote in self.votes) / len(self.votes)


votes = st.lists(st.sampled_from(Preference), min_size=1, max_size=4)
items = st.lists(
    st.builds(JudgedItem, conversation_id=st.integers(1, 12), votes=votes), min_size=1, max_size=60
)


def judged(*scores: Preference, conversation: int | None = None) -> list[JudgedItem]:
    """Items of different conversations, or of one."""
    return [
        JudgedItem(conversation_id=conversation or number, votes=[score])
        for number, score in enumerate(scores, 1)
    ]


def conversations(some: Sequence[JudgedItem]) -> list[Clusters]:
    """Each by itself."""
    scores: dict[int, list[float]] = {}
    for item in some:
        scores.setdefault(item.conversation_id, []).append(item.score)
    return clusters(scores.values())


def clusters(scores: Iterable[Sequence[float]]) -> list[Clusters]:
    return [Clusters(len(same), sum(same)) for same in scores]


def rate_of(some: Sequence[JudgedItem]) -> WinRate:
    found = win_rate(conversations(some))
    assert found is not None
    return found


@given(items)
def test_the_interval_holds_the_rate_and_stays_within_bounds(some: list[JudgedItem]) -> None:
    found = rate_of(some)
    assert 0 <= found.low <= found.rate <= found.high <= 1
    assert found.items == len(some)
    assert 0 < found.detectable <= 0.5


@given(items)
def test_changing_sides_mirrors_everything(some: list[JudgedItem]) -> None:
    other = {NEW: OLD, OLD: NEW, TIE: TIE, BOTH_BAD: BOTH_BAD}
    mirrored = [
        JudgedItem(conversation_id=i.conversation_id, votes=[other[v] for v in i.votes])
        for i in some
    ]
    found, back = rate_of(some), rate_of(mirrored)
    assert math.isclose(found.low, 1 - back.high, abs_tol=1e-9)
    assert math.isclose(found.rate, 1 - back.rate, abs_tol=1e-9)


def test_equal_conversations_count_once_each_whatever_rounding_leaves_of_their_variance() -> None:
    low, high = 1 / 6, 5 / 6
    assert effective_size(clusters([[low, 0.0], [low, 0.0]])) == 2.0
    assert effective_size(clusters([[high, 1.0], [high, 1.0]])) == 2.0
    assert effective_size(clusters([[0.1, 0.2], [0.3, 0.0]])) == 2.0


@given(items, st.randoms(use_true_random=False))
def test_the_order_of_the_votes_does_not_matter(some: list[JudgedItem], rng: random.Random) -> None:
    shuffled = list(some)
    rng.shuffle(shuffled)
    assert math.isclose(rate_of(shuffled).low, rate_of(some).low, abs_tol=1e-9)


@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(items, st.integers(2, 5))
def test_copies_within_a_conversation_are_no_more_evidence(
    some: list[JudgedItem], times: int
) -> None:
    found = conversations(some)
    size = effective_size(found)
    assume(size < len(some))  # where turns agree less than by chance, each counts fully
    copies = [Clusters(times * one.items, times * one.total) for one in found]
    assert math.isclose(effective_size(copies), size, rel_tol=1e-6)


@given(items)
def test_conversations_that_were_judged_alike_may_be_counted(some: list[JudgedItem]) -> None:
    alike = Counter(conversations(some))
    counted = [one._replace(number=times) for one, times in alike.items()]
    found = win_rate(counted)
    assert found is not None
    assert math.isclose(found.low, rate_of(some).low, abs_tol=1e-9)
    assert (found.items, found.conversations) == (len(some), alike.total())


@given(items)
def test_the_effective_size_is_never_above_the_items(some: list[JudgedItem]) -> None:
    assert 1 <= effective_size(conversations(some)) <= len(some)


@given(st.floats(0, 1), st.integers(1, 500))
def test_wilsons_interval_narrows_with_more_items(rate: float, size: int) -> None:
    low, high = wilson(rate, size)
    closer_low, closer_high = wilson(rate, 2 * size)
    assert closer_high - closer_low <= high - low + 1e-9


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81 of 263, and 0 of 20.
    low, high = wilson(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = wilson(0, 20)
    assert (round(low, 4), round(high, 4)) == (0.0, 0.1611)


def test_ties_and_two_bad_answers_count_half() -> None:
    assert rate_of(judged(NEW, TIE, BOTH_BAD, OLD)).rate == 0.5
    assert rate_of([JudgedItem(conversation_id=1, votes=[NEW, NEW, OLD, TIE])]).rate == 0.625


@pytest.mark.parametrize(
    ("given_votes", "verdict"),
    [
        ([NEW] * 40 + [OLD] * 10, Verdict.BETTER),
        ([OLD] * 40 + [NEW] * 10, Verdict.WORSE),
        ([NEW] * 27 + [OLD] * 23, Verdict.CANNOT_TELL),
        ([TIE] * 60, Verdict.CANNOT_TELL),
        ([NEW] * 3, Verdict.CANNOT_TELL),
    ],
)
def test_a_verdict_is_given_only_where_the_whole_interval_says_so(
    given_votes: list[Preference], verdict: Verdict
) -> None:
    assert rate_of(judged(*given_votes)).verdict is verdict


def test_one_conversation_alone_never_tells() -> None:
    found = rate_of(judged(*[NEW] * 200, conversation=7))
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.conversations == 1


def test_without_votes_there_is_no_rate() -> None:
    assert win_rate([]) is None


def test_the_smallest_difference_shrinks_with_more_conversations() -> None:
    few, many = rate_of(judged(*[NEW, OLD] * 20)), rate_of(judged(*[NEW, OLD] * 500))
    assert few.detectable > 2 * many.detectable


def test_the_interval_covers_the_truth_where_turns_of_a_conversation_agree() -> None:
    """95 % of intervals should; an interval that ignored the conversations covers 77 % here."""
    rng, covered, trials, truth = random.Random(1), 0, 400, 0.6
    for _ in range(trials):
        some = []
        for conversation in range(40):
            leaning = NEW if rng.random() < truth else OLD
            for _turn in range(5):
                drawn = NEW if rng.random() < truth else OLD
                score = leaning if rng.random() < 0.7 else drawn
                some.append(JudgedItem(conversation_id=conversation, votes=[score]))
        found = rate_of(some)
        covered += found.low <= truth <= found.high
    assert covered / trials > 0.92


def test_students_quantiles_are_the_tables() -> None:
    for freedom, quantile in ((1, 12.706), (10, 2.228), (11, 2.201), (30, 2.042), (120, 1.980)):
        assert abs(student_t(freedom) - quantile) < 0.003
