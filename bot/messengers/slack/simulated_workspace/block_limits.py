"""Block Kit's limits on messages and views, as SlackErrors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.messengers.slack.platform_limits import check_slack_message
from bot.messengers.slack.simulated_workspace.errors import SlackError
from bot.messengers.slack.simulated_workspace.rules import WorkspaceRules
from bot.simulator.limits import LimitChecks, LimitError

MAX_ID_CHARS = 255  #: of action_id, block_id and callback_id
MAX_BUTTON_CHARS, MAX_BUTTON_VALUE_CHARS = 75, 2000
MAX_OPTIONS = 100
MAX_TABLE_ROWS, MAX_TABLE_COLUMNS, MAX_TABLE_CHARS = 100, 20, 10_000
_FEEDBACK_BUTTONS = ("positive_button", "negative_button")
_ONLY_IN = {"context_actions": {"feedback_buttons", "icon_button"}}

_CHECK = LimitChecks(default_code="invalid_blocks")


def check_message(message: dict[str, Any], rules: WorkspaceRules) -> None:
    """Raise SlackError unless Slack takes this message with its text and blocks."""
    blocks = message.get("blocks")
    if blocks and rules.refusal_of_blocks:
        raise SlackError(rules.refusal_of_blocks)
    # A longer text has its own refusal.
    short = {**message, "text": str(message.get("text", ""))[: rules.max_text_chars]}
    try:
        check_slack_message(short)
        _check_elements(blocks or [], rules)
    except LimitError as refused:
        raise refusal(refused) from refused
    if len(str(message.get("text", ""))) > rules.max_text_chars:
        raise SlackError("msg_too_long")


def check_blocks(blocks: list[Any], rules: WorkspaceRules) -> None:
    """Raise SlackError unless Slack takes these blocks."""
    check_message({"text": "-", "blocks": blocks}, rules)


def refusal(error: LimitError) -> SlackError:
    """The refusal with its reason, as Slack words it for developers."""
    return SlackError(error.code, response_metadata={"messages": [f"[ERROR] {error}"]})


def check_element(element: dict[str, Any], kind: str = "actions") -> None:
    """Raise LimitError for an element over its limits; ``kind``: the block's type."""
    name = str(element.get("type"))
    _check_id(element, "action_id")
    if allowed := _ONLY_IN.get(kind):
        _CHECK.require(name in allowed, f"{kind} takes no {name!r}")
    else:
        elsewhere = name in {"feedback_buttons", "icon_button"}
        _CHECK.require(not elsewhere, f"{kind} takes no {name!r}")
    if name == "button":
        _check_button(element)
    elif name == "feedback_buttons":
        for side in _FEEDBACK_BUTTONS:
            _check_button(_CHECK.fields(element.get(side), side))
    elif "options" in element:
        options = _CHECK.items(element["options"], f"{name}.options", MAX_OPTIONS)
        _CHECK.require(bool(options), f"{name} needs options")


def elements_of(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The elements of a block that can be pressed or filled in."""
    if block.get("type") in {"actions", "context_actions"}:
        yield from block.get("elements", ())
    for place in ("accessory", "element"):
        if isinstance(block.get(place), dict):
            yield block[place]


def _check_elements(blocks: list[dict[str, Any]], rules: WorkspaceRules) -> None:
    tables = [block for block in blocks if block.get("type") == "table"]
    _CHECK.require(len(tables) <= 1, "only one table", code="invalid_attachments")
    for table in tables:
        check_table(table)
    seen: set[str] = set()
    for block in blocks:
        _check_id(block, "block_id")
        named = block.get("block_id")
        _CHECK.require(named is None or named not in seen, f"block_id {named!r} occurs twice")
        seen |= {named} if named else set()
        kind = str(block.get("type"))
        _CHECK.require(kind not in rules.refused_block_types, f"unknown block {kind!r}")
        check_elements_of(block)


def check_elements_of(block: dict[str, Any]) -> None:
    """Raise LimitError for an element of a block over its limits, or named twice."""
    names: list[str] = []
    for element in elements_of(block):
        check_element(_CHECK.fields(element, "an element"), str(block.get("type")))
        names.append(str(element.get("action_id", len(names))))
    _CHECK.require(len(names) == len({*names}), "an action_id occurs twice in a block")


def check_table(table: dict[str, Any]) -> None:
    """Raise LimitError for a table over its limits."""
    rows = _CHECK.items(table.get("rows"), "table.rows", MAX_TABLE_ROWS)
    _CHECK.require(bool(rows), "table.rows must not be empty")
    chars = 0
    for row in rows:
        cells = _CHECK.items(row, "a table's row", MAX_TABLE_COLUMNS)
        chars += sum(_text_chars(cell) for cell in cells)
    _CHECK.require(chars <= MAX_TABLE_CHARS, f"table: {chars} characters")


def _check_button(button: dict[str, Any]) -> None:
    text = _CHECK.fields(button.get("text"), "button.text")
    _CHECK.require(text.get("type") == "plain_text", "button.text must be plain_text")
    _CHECK.text(text.get("text"), "button.text", MAX_BUTTON_CHARS)
    if "value" in button:
        _CHECK.text(button["value"], "button.value", MAX_BUTTON_VALUE_CHARS)
    if "accessibility_label" in button:
        label = button["accessibility_label"]
        _CHECK.text(label, "button.accessibility_label", MAX_BUTTON_CHARS)
    style = button.get("style")
    _CHECK.require(style in (None, "primary", "danger"), f"unknown style {style!r}")


def _check_id(item: dict[str, Any], name: str) -> None:
    if name in item:
        _CHECK.text(item[name], name, MAX_ID_CHARS)


def _text_chars(node: Any) -> int:
    """The characters of all texts in a cell."""
    if isinstance(node, dict):
        own = node.get("text")
        return len(own) if isinstance(own, str) else sum(map(_text_chars, node.values()))
    return sum(map(_text_chars, node)) if isinstance(node, list) else 0
