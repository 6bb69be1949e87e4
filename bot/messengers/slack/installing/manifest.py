"""The app's manifest, made from the settings: ``python -m bot slack-manifest``."""

from __future__ import annotations

from typing import Any

import yaml

from bot.messengers.slack.installing.oauth import REDIRECT_PATH
from bot.messengers.slack.installing.scopes import SCOPE_NAMES
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.simulated_requests import COMMAND

#: Stands for the bot's own address where none is set.
EXAMPLE_URL = "https://bot.example.com"
_HEAD = """\
# Made by `python -m bot slack-manifest --url https://bot.example.com` (your own address).
# Paste it at api.slack.com/apps > Create New App > From a manifest, in the YAML tab.
# With `--socket-mode` it is one for bots that Slack cannot reach.
"""
_EVENTS = (
    "app_context_changed",
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "agent_session_stopped",
    "message.im",
    "tokens_revoked",
)
#: For threads that go on without a mention.
_THREAD_EVENTS = ("message.channels", "message.groups")
_WORDS = {
    "ko": {
        "description": "한국어 모델 Bllossom이 답하는 봇",
        "agent": (
            "무엇이든 물어보세요. 한국어 모델 Bllossom이 답변하고, 글을 다듬고 요약하고 번역해요. "
            "생성형 AI라서 사실과 다를 수 있으니 중요한 내용은 꼭 확인해 주세요."
        ),
        "command": "Bllossom에게 물어봅니다",
        "hint": "질문 | 새 대화 | 다시 | 그만 | 도움말",
    },
    "en": {
        "description": "Answers by the Korean model Bllossom",
        "agent": (
            "Ask anything. The Korean model Bllossom answers, improves, summarises and translates "
            "texts. It is generative AI and may be wrong: check what matters."
        ),
        "command": "Ask Bllossom",
        "hint": "question | new chat | again | stop | help",
    },
}


def manifest_yaml(settings: SlackSettings, *, language: str, url: str, socket_mode: bool) -> str:
    """The manifest as YAML; ``url``: the bot's public address, unused in Socket Mode."""
    document = manifest(settings, language=language, url=url, socket_mode=socket_mode)
    dumped = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=1000)
    return _HEAD + dumped


def manifest(
    settings: SlackSettings, *, language: str, url: str, socket_mode: bool
) -> dict[str, Any]:
    """The manifest, as Slack's reference of November 2026 describes it."""
    base, words = url.rstrip("/"), _WORDS[language]
    return {
        "display_information": {
            "name": "Bllossom",
            "description": words["description"],
            "background_color": "#4a154b",
        },
        "features": {
            "agent_view": {"agent_description": words["agent"]},
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": False,
            },
            "bot_user": {"display_name": "bllossom", "always_online": True},
            "slash_commands": [_command(words, base, socket_mode)],
        },
        "oauth_config": _oauth(base, socket_mode),
        "settings": {
            "event_subscriptions": {
                **_request_url(base, "events", socket_mode),
                "bot_events": _events(settings),
            },
            "interactivity": {
                "is_enabled": True,
                **_request_url(base, "interactivity", socket_mode),
            },
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket_mode,
            "token_rotation_enabled": settings.token_rotation,
        },
    }


def _command(words: dict[str, str], base: str, socket_mode: bool) -> dict[str, Any]:
    url = {} if socket_mode else {"url": f"{base}/webhooks/slack/commands"}
    return {
        "command": COMMAND,
        **url,
        "description": words["command"],
        "usage_hint": words["hint"],
        "should_escape": False,
    }


def _oauth(base: str, socket_mode: bool) -> dict[str, Any]:
    scopes = {"scopes": {"bot": list(SCOPE_NAMES)}}
    return scopes if socket_mode else {"redirect_urls": [base + REDIRECT_PATH], **scopes}


def _request_url(base: str, path: str, socket_mode: bool) -> dict[str, str]:
    return {} if socket_mode else {"request_url": f"{base}/webhooks/slack/{path}"}


def _events(settings: SlackSettings) -> list[str]:
    threads = () if settings.thread_rule == "never" else _THREAD_EVENTS
    return sorted((*_EVENTS, *threads))
