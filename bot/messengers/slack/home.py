"""The App Home and the agent's tab: what people see before they ask anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.messengers.plugin import Services
from bot.messengers.slack.desk import Desk
from bot.messengers.slack.events import SlackSource
from bot.messengers.slack.ids import slack_id
from bot.messengers.slack.words import SlackWords


class HomePages:
    """Fills the two tabs when a person opens them."""

    def __init__(self, desk: Desk, words: SlackWords, services: Services) -> None:
        self._desk = desk
        self._words = words
        self._services = services

    def opened(self, source: SlackSource, event: Mapping[str, Any]) -> None:
        """Fill the opened tab soon."""
        user, channel = slack_id(event.get("user")), slack_id(event.get("channel"))
        if event.get("tab") == "home" and user:
            document = {"user_id": user, "view": self._home(source.tenant)}
            self._desk.sentences.call(source.team, "views.publish", document)
        elif event.get("tab") == "messages" and channel:
            self._suggest(source.team, channel)

    def _suggest(self, team: str, channel: str) -> None:
        # With a thread_ts Slack would show nothing, without an error (slack.md 3.3).
        prompts = [{"title": title, "message": text} for title, text in self._words.prompts]
        document = {
            "channel_id": channel,
            "title": self._words.prompts_title,
            "prompts": prompts,
        }
        self._desk.sentences.call(team, "assistant.threads.setSuggestedPrompts", document)

    def _home(self, tenant: str) -> dict[str, Any]:
        words, texts = self._words, self._services.texts_for("slack", tenant, "")
        state = words.home_off if self._services.workers.model_is_off else words.home_ready
        own_rule = self._services.config_for("slack", tenant, "").values.thread_rule
        rule = words.home_threads[own_rule or self._desk.settings.thread_rule]
        title = {"type": "plain_text", "text": words.home_title}
        return {
            "type": "home",
            "blocks": [
                {"type": "header", "text": title},
                _section(state),
                _section(texts.help_chat),
                _section(rule),
                {"type": "divider"},
                {
                    "type": "context",
                    "elements": [
                        {"type": "plain_text", "text": texts.ai_notice},
                        {"type": "plain_text", "text": words.home_privacy},
                    ],
                },
            ],
        }


def _section(sentence: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": sentence}}
