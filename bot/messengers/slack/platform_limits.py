"""Slack's limits, as of November 2026; the simulator and the test stand-in enforce them.

Sources: Slack's Block Kit reference and its guide to response_url. Lengths are code points.
"""

from __future__ import annotations

from typing import Any

from bot.simulator.limits import LimitChecks

ACK_TIMEOUT_S = 3.0
RESPONSE_URL_LIFETIME_S = 30 * 60.0
RESPONSE_URL_USES = 5
MAX_BLOCKS = 50
MAX_MARKDOWN_CHARS = 12_000  #: all markdown blocks of a message together
MAX_TEXT_CHARS = 40_000
MAX_SECTION_CHARS = 3000
MAX_FIELDS = 10
MAX_HEADER_CHARS = 150
MAX_ELEMENTS = {"context": 10, "actions": 25, "context_actions": 5}

_CHECK = LimitChecks(default_code="invalid_blocks")


def check_slack_message(body: object) -> None:
    """Raise LimitError unless Slack would post this message.

    ``text`` is required even beside blocks: notifications and screen readers use it.
    """
    message = _CHECK.fields(body, "the message")
    if message.get("delete_original") is True and "text" not in message:
        return
    _CHECK.text(message.get("text"), "text", MAX_TEXT_CHARS, code="no_text")
    blocks = _CHECK.items(message.get("blocks") or [], "blocks", MAX_BLOCKS)
    markdown = 0
    for block in blocks:
        markdown += _check_block(_CHECK.fields(block, "a block"))
    _CHECK.require(
        markdown <= MAX_MARKDOWN_CHARS,
        f"markdown blocks: {markdown} characters, at most {MAX_MARKDOWN_CHARS}",
        code="msg_blocks_too_long",
    )


def _check_block(block: dict[str, Any]) -> int:
    """Check one block; the number of characters that count against the markdown total."""
    kind = block.get("type")
    if kind == "markdown":
        return len(_CHECK.text(block.get("text"), "markdown.text", 10 * MAX_MARKDOWN_CHARS))
    if kind == "section":
        _check_section(block)
    elif kind == "header":
        text = _CHECK.fields(block.get("text"), "header.text").get("text")
        _CHECK.text(text, "header", MAX_HEADER_CHARS)
    elif kind in MAX_ELEMENTS:
        elements = _CHECK.items(block.get("elements"), f"{kind}.elements", MAX_ELEMENTS[kind])
        _CHECK.require(bool(elements), f"{kind}.elements must not be empty")
    else:
        known = kind in {"divider", "rich_text", "image", "table"}
        _CHECK.require(known, f"unknown block {kind!r}")
    return 0


def _check_section(block: dict[str, Any]) -> None:
    _CHECK.require("text" in block or "fields" in block, "section needs text or fields")
    if "text" in block:
        text = _CHECK.fields(block["text"], "section.text").get("text")
        _CHECK.text(text, "section.text", MAX_SECTION_CHARS)
    _CHECK.items(block.get("fields", []), "section.fields", MAX_FIELDS)
