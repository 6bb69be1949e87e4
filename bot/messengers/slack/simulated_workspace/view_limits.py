"""Block Kit's limits on modals and App Home."""

from __future__ import annotations

from typing import Any

from bot.messengers.slack.platform_limits import MAX_HEADER_CHARS, MAX_SECTION_CHARS
from bot.messengers.slack.simulated_workspace.block_limits import (
    MAX_ID_CHARS,
    check_element,
    check_elements_of,
    refusal,
)
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.simulator.limits import LimitChecks, LimitError

MAX_VIEW_BLOCKS = 100
MAX_TITLE_CHARS = 24
MAX_PRIVATE_METADATA_CHARS = 3000
MAX_LABEL_CHARS = 2000
_KNOWN = frozenset({"section", "header", "divider", "context", "actions", "input", "image"})
_HOME = _KNOWN | {"rich_text", "markdown"}

_CHECK = LimitChecks(default_code="invalid_arguments")


def check_view(view: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """The view, if Slack takes it as a ``modal`` or as ``home``; raises SlackError."""
    if view is None or view.get("type") != kind:
        raise SlackError("invalid_arguments")
    try:
        if kind == "modal":
            _check_frame(view)
        _check_texts(view)
        has_input = False
        for block in _CHECK.items(view.get("blocks"), "blocks", MAX_VIEW_BLOCKS):
            _check_block(_CHECK.fields(block, "a block"), kind)
            has_input |= block["type"] == "input"
        missing = kind == "modal" and has_input and "submit" not in view
        _CHECK.require(not missing, "a modal with an input needs submit")
    except LimitError as refused:
        raise refusal(refused) from refused
    return view


def _check_frame(view: dict[str, Any]) -> None:
    for name in ("title", "submit", "close"):
        if name == "title" or name in view:
            text = _CHECK.fields(view.get(name), name)
            _CHECK.require(text.get("type") == "plain_text", f"{name} must be plain_text")
            _CHECK.text(text.get("text"), name, MAX_TITLE_CHARS)


def _check_texts(view: dict[str, Any]) -> None:
    limits = {"private_metadata": MAX_PRIVATE_METADATA_CHARS, "callback_id": MAX_ID_CHARS}
    for name, limit in limits.items():
        if view.get(name):
            _CHECK.text(view[name], name, limit)


def _check_block(block: dict[str, Any], kind: str) -> None:
    name = block.get("type")
    known = _HOME if kind == "home" else _KNOWN
    _CHECK.require(name in known, f"a {kind} takes no {name!r}")
    if "block_id" in block:
        _CHECK.text(block["block_id"], "block_id", MAX_ID_CHARS)
    if name == "input":
        label = _CHECK.fields(block.get("label"), "label").get("text")
        _CHECK.text(label, "label", MAX_LABEL_CHARS)
        check_element(_CHECK.fields(block.get("element"), "element"), "input")
    if name in {"section", "header"} and "text" in block:
        limit = MAX_SECTION_CHARS if name == "section" else MAX_HEADER_CHARS
        text = _CHECK.fields(block["text"], f"{name}.text").get("text")
        _CHECK.text(text, f"{name}.text", limit)
    check_elements_of(block)
