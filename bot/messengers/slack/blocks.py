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
from bot.text.fences import shorten_markdown, split_markdown
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
    markdown = message_markdown(answer, texts)
    blocks: list[dict[str, Any]] = [{"type": "markdown", "text": markdown}]
    if visibility == "in_channel":
        blocks = _quote(address) + blocks
    if notice := answer.notice(texts.ai_notice):
        blocks.append(context(notice))
    return {
        "response_type": visibility,
        "text": _fallback(markdown, notice),
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
    whole = plain_text(message_markdown(answer, texts))
    shown = shorten(whole, max_chars, lambda part: utf16_units(escape(part)))
    cut = texts.cut_note if shown != whole else ""
    notice = answer.notice(texts.ai_notice)
    parts = [*(quote["text"]["text"] for quote in quotes), escape(shown), cut, notice]
    return {"response_type": visibility, "text": "\n\n".join(part for part in parts if part)}


def answer_parts(answer: Answer, texts: Texts) -> list[str]:
    """The answer as the Markdown of one or more messages; the notes are below the last one.

    A fence that is open at a cut is closed, and opened again in the next part.
    """
    text = defused(clean_text(answer.text)) or texts.failed
    if answer.truncated:
        text = f"{shorten_markdown(text, len(text) + 400)}\n\n{texts.cut_note}"
    if answer.begins_anew:
        text = f"{texts.idle_note}\n\n{text}"
    return list(split_markdown(text, MAX_MARKDOWN_CHARS, utf16_units))


def part_message(markdown: str, *, notice: str = "") -> dict[str, Any]:
    """The message of one part: a markdown block, the notice, and the fallback text."""
    blocks: list[dict[str, Any]] = [{"type": "markdown", "text": markdown}]
    if notice:
        blocks.append(context(notice))
    return {"text": _fallback(markdown, notice), "blocks": blocks}


def plain_part(markdown: str, *, notice: str = "", max_chars: int) -> dict[str, Any]:
    """The same without blocks, for a message that Slack refused; cut to ``max_chars``."""
    shown = shorten(plain_text(markdown), max_chars, lambda part: utf16_units(escape(part)))
    return {"text": "\n\n".join(part for part in (escape(shown), notice) if part), "blocks": []}


def defused(text: str) -> str:
    """The text without mentions that notify people, in every renderer, code blocks included."""
    # A zero-width space after "<" breaks a mention.
    return _MENTION.sub("\\1\u200b", text)


def context(sentence: str) -> dict[str, Any]:
    """The block of a small sentence below an answer."""
    return {"type": "context", "elements": [{"type": "plain_text", "text": sentence}]}


def _quote(address: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The person and the question: other messages may stand between it and the answer."""
    user, question = address.get("user_id"), address.get("question")
    if not (isinstance(user, str) and re.fullmatch("[A-Z0-9]+", user) and question):
        return []
    text = f"> <@{user}> {escape(str(question))}"
    return [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]


def message_markdown(answer: Answer, texts: Texts) -> str:
    """The Markdown of an answer that is one message: cut where it is too long for it."""
    text = defused(clean_text(answer.text)) or texts.failed
    if utf16_units(text) <= MAX_MARKDOWN_CHARS and not answer.truncated:
        return text
    shown = shorten_markdown(text, MAX_MARKDOWN_CHARS, utf16_units)
    return f"{shown}\n\n{texts.cut_note}"


def _fallback(markdown: str, notice: str) -> str:
    plain = plain_text(shorten(markdown, MAX_FALLBACK_CHARS))
    text = shorten(plain, MAX_FALLBACK_CHARS, lambda part: utf16_units(escape(part)))
    return "\n\n".join(part for part in (escape(text), notice) if part)


def escape(text: str) -> str:
    """The text escaped for mrkdwn: it holds no mention or link then."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
