"""Secrets of several bots: each opens its own bot only."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from bot.domain.findings import Verdict
from bot.domain.messenger import Refusal
from bot.messengers.kakao.checks import check_settings
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_secrets import bots_of_secret, check_bot

SETTINGS = KakaoSettings(
    secret=SecretStr("shared"),
    bot_secrets=SecretStr("a:one, a:new:with:colons ,b:two"),
    _env_file=None,
)


def admit(secret: str, bot_id: str, settings: KakaoSettings = SETTINGS) -> None:
    check_bot(bots_of_secret({"X-Bot-Secret": secret}, settings), bot_id, settings)


@pytest.mark.parametrize(
    ("secret", "bot_id"),
    [
        ("one", "a"),
        ("new:with:colons", "a"),
        ("two", "b"),
        ("shared", "c"),
        ("shared", ""),
    ],
)
def test_a_secret_opens_its_own_bot(secret: str, bot_id: str) -> None:
    admit(secret, bot_id)


@pytest.mark.parametrize(
    ("secret", "bot_id"),
    [("one", "b"), ("two", "a"), ("shared", "a"), ("one", "c"), ("one", ""), ("none", "a")],
)
def test_a_secret_opens_no_other_bot(secret: str, bot_id: str) -> None:
    with pytest.raises(Refusal) as refused:
        admit(secret, bot_id)
    assert refused.value.status == 401
    assert secret not in refused.value.reason


def test_a_foreign_bot_is_logged_by_ids() -> None:
    with capture_logs() as logs, pytest.raises(Refusal):
        admit("one", "b")
    [line] = logs
    assert (line["event"], line["bot_id"], line["secret_of"]) == ("kakao_foreign_bot", "b", ["a"])
    assert "one" not in str(line)


def test_bots_alone_need_no_shared_secret() -> None:
    settings = KakaoSettings(bot_secrets=SecretStr("a:one"), _env_file=None)
    assert settings.is_on
    admit("one", "a", settings)
    for bot_id in ("", "b"):
        with pytest.raises(Refusal):
            admit("one", bot_id, settings)
    with pytest.raises(Refusal):
        admit("", "", settings)


@pytest.mark.parametrize("value", ["one", "a:", ":one", "a:one,b", " : "])
def test_a_bot_without_id_or_secret_is_a_mistake(value: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        KakaoSettings(bot_secrets=SecretStr(value), _env_file=None)
    assert "id, a colon and its secret" in str(wrong.value)


def test_the_doctor_names_short_and_repeated_secrets() -> None:
    long = "x" * 40
    settings = KakaoSettings(bot_secrets=SecretStr(f"a:{long},b:{long},c:short"), _env_file=None)
    wrong = [found.sentence for found in check_settings(settings) if found.verdict is Verdict.WRONG]
    assert len(wrong) == 2
    assert "bot c" in wrong[0]
    assert "repeats a secret" in wrong[1]
    assert long not in "".join(wrong)
