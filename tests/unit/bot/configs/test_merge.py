"""Which scopes count, and what a closer one replaces."""

from __future__ import annotations

import pytest

from bot.configs.effective import merge
from bot.domain.bot_config import BotConfig, EffectiveConfig, Scope


@pytest.mark.parametrize(
    ("scope", "chain"),
    [
        (Scope(), ["all"]),
        (Scope("kakao"), ["all", "kakao"]),
        (Scope("kakao", "b1"), ["all", "kakao", "kakao/b1"]),
        (Scope("slack", "T1", "C1"), ["all", "slack", "slack/T1", "slack/T1/C1"]),
    ],
)
def test_wider_scopes_count_first(scope: Scope, chain: list[str]) -> None:
    assert [str(one) for one in scope.chain] == chain


def test_a_closer_scope_replaces_what_it_sets_and_nothing_else() -> None:
    wide = BotConfig(system_prompt="모두", ai_notice=True, texts={"about": "a", "help": "h"})
    close = BotConfig(ai_notice=False, history_turns=0, texts={"about": "b"})
    assert wide.narrowed(close) == BotConfig(
        system_prompt="모두", ai_notice=False, history_turns=0, texts={"about": "b", "help": "h"}
    )


def test_the_version_of_a_merge_is_its_newest() -> None:
    rows = [EffectiveConfig(values=BotConfig(), version=version) for version in (3, 9, 4)]
    assert merge(rows).version == 9


def test_a_merge_of_nothing_has_no_version() -> None:
    nothing = merge([])
    assert (nothing.values, nothing.version) == (BotConfig(), None)
