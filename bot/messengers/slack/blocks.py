"""Answers as Slack messages (slack.md 3.2): the model's Markdown in a markdown block.

Never as mrkdwn, which does not render a bold word next to Hangul.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.domain.deliveries import Answer
from bot.domain.turns import clean_text
from bot.messengers.slack.settings import Visibility
from bot.text.catalog import Texts
from bot.text.fences import shorten_markdown
from bot.text.markdown import plain_text
from bot.text.splitting import shorten, utf16_units

#: The markdown blocks of a message hold 12,000 characters; the rest is for the notes.
MAX_MARKDOWN_CHARS = 11_500
#: The fallback for notifications and screen readers: Slack recommends 4,000 at most.
MAX_FALLBACK_CHARS = 3_800

# Mentions that notify people: <!channel>, <@U123>, <#C123>, entities included. HTML comments and
# doctypes in code stay as they are.
_MENTION = re.compile(r"(<|&lt;|&#0*60;|&#x0*3c;)(?=[@#]|!(?!--|doctype))", re.IGNORECASE)


def answer_message(
    answer: Answer, address: Mapping[str, Any], texts: Texts, visibility: Visibility
) -> dict[str, Any]:
    """The JSON for a response_url: visibility, blocks, and the fallback text."""
    markdown = _markdown(answer, texts)
    blocks: list[dict[str, Any]] = [{"type": "markdown", "text": markdown}]
    if visibility == "in_channel":
        blocks = _quote(address) + blocks
    if answer.ai_notice:
        notice = {"type": "plain_text", "text": texts.ai_notice}
        blocks.append({"type": "context", "elements": [notice]})
    return {
        "response_type": visibility,
        "text": _fallback(markdown, texts.ai_notice if answer.ai_notice else ""),
        "blocks": blocks,
    }


def plain_message(
    answer: Answer,
    address: Mapping[str, Any],
    texts: Texts,
    visibility: Visibility,
    *,
    max_chars: int,
) -> dict[str, Any]:
    """The same without blocks, for a message that Slack refused; cut to ``max_chars``."""
    quotes = _quote(address) if visibility == "in_channel" else []
    whole = plain_text(_markdown(answer, texts))
    shown = shorten(whole, max_chars, lambda part: utf16_units(_escape(part)))
    cut = texts.cut_note if shown != whole else ""
    notice = texts.ai_notice if answer.ai_notice else ""
    parts = [*(quote["text"]["text"] for quote in quotes), _escape(shown), cut, notice]
    return {"response_type": visibility, "text": "\n\n".join(part for part in parts if part)}


def _quote(address: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The person and the question: other messages may stand between it and the answer."""
    user, question = address.get("user_id"), address.get("question")
    if not (isinstance(user, str) and re.fullmatch("[A-Z0-9]+", user) and question):
        return []
    text = f"> <@{user}> {_escape(str(question))}"
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


def _markdown(answer: Answer, texts: Texts) -> str:
    # A zero-width space after "<" breaks a mention in every renderer, code blocks included.
    text = _MENTION.sub("\\1\u200b", clean_text(answer.text)) or texts.failed
    if utf16_units(text) <= MAX_MARKDOWN_CHARS and not answer.truncated:
        return text
    shown = shorten_markdown(text, MAX_MARKDOWN_CHARS, utf16_units)
    return f"{shown}\n\n{texts.cut_note}"


def _fallback(markdown: str, notice: str) -> str:
    plain = plain_text(shorten(markdown, MAX_FALLBACK_CHARS))
    text = shorten(plain, MAX_FALLBACK_CHARS, lambda part: utf16_units(_escape(part)))
    return "\n\n".join(part for part in (_escape(text), notice) if part)


def _escape(text: str) -> str:
    """Escape the text for mrkdwn: it holds no mention or link then."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
