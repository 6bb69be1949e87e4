"""The manifest is what the settings say, and the one in the documents is today's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.__main__ import main
from bot.messengers.slack.installing.manifest import manifest
from bot.messengers.slack.settings import SlackSettings

COMMITTED = Path(__file__).parents[6] / "docs/slack-manifest.yml"
URL = "https://bot.example.com"
#: Slack's limits of a manifest's texts, in characters.
LIMITS = {"name": 35, "description": 140, "agent_description": 300, "usage_hint": 1000}


def made(*, socket_mode: bool = False, language: str = "ko", **changes: Any) -> dict[str, Any]:
    settings = SlackSettings(_env_file=None, **changes)
    return manifest(settings, language=language, url=URL, socket_mode=socket_mode)


@pytest.fixture
def printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, **environment: str) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert main(["slack-manifest", *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_the_manifest_in_the_documents_is_what_the_command_prints(printed: Any) -> None:
    assert printed() == COMMITTED.read_text("utf-8")


def test_the_command_takes_the_address_from_its_argument_or_the_settings(printed: Any) -> None:
    named = yaml.safe_load(printed("--url", "https://a.example/"))
    [command] = named["features"]["slash_commands"]
    assert command["url"] == "https://a.example/webhooks/slack/commands"
    found = yaml.safe_load(printed(BOT_SLACK_PUBLIC_URL="https://b.example"))
    redirects = found["oauth_config"]["redirect_urls"]
    assert redirects == ["https://b.example/webhooks/slack/oauth_redirect"]


def test_socket_mode_names_no_address(printed: Any) -> None:
    text = printed("--socket-mode")
    assert yaml.safe_load(text)["settings"]["socket_mode_enabled"] is True
    body = "".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "http" not in body
    assert yaml.safe_load(printed(BOT_SLACK_APP_TOKEN="xapp-1")) == yaml.safe_load(text)


def test_rotation_is_on_where_it_is_set() -> None:
    assert made()["settings"]["token_rotation_enabled"] is False
    assert made(token_rotation=True)["settings"]["token_rotation_enabled"] is True


def test_channels_are_not_listened_to_where_threads_need_a_mention() -> None:
    def events(**changes: Any) -> set[str]:
        return set(made(**changes)["settings"]["event_subscriptions"]["bot_events"])

    assert events() - events(thread_rule="never") == {"message.channels", "message.groups"}
    assert {"app_mention", "message.im", "app_uninstalled", "tokens_revoked"} <= events()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_texts_fit_slack_s_limits(language: str) -> None:
    document = made(language=language)
    shown = document["display_information"] | document["features"]["agent_view"]
    shown |= document["features"]["slash_commands"][0]
    for name, limit in LIMITS.items():
        assert 0 < len(shown[name]) <= limit, name
