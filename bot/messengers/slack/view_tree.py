"""Modals and App Home as trees for the page, and what a person fills in as Slack sends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.messengers.slack.rich_text import Node, element, message

Values = Mapping[str, str | list[str]]
_ONE_OF = frozenset({"static_select", "radio_buttons"})
_SOME_OF = frozenset({"checkboxes", "multi_static_select"})


def view_tree(view: dict[str, Any]) -> dict[str, Any]:
    """A checked view: its title, the labels of its buttons, and its blocks as nodes."""
    names = ("title", "submit", "close")
    labels = {name: str((view.get(name) or {}).get("text", "")) for name in names}
    return {**labels, "view": [_block(block) for block in view["blocks"]]}


def filled_in(view: dict[str, Any], values: Values) -> dict[str, Any]:
    """``state.values`` of a submission; ``values``: texts or option values by block_id."""
    state: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            field = block["element"]
            given = values.get(block["block_id"], "")
            state[block["block_id"]] = {field["action_id"]: _state(field, given)}
    return state


def _state(field: dict[str, Any], given: str | list[str]) -> dict[str, Any]:
    kind = str(field["type"])
    chosen = [option for option in field.get("options", ()) if option["value"] in given]
    if kind in _ONE_OF:
        exact = [option for option in chosen if option["value"] == given]
        return {"type": kind, "selected_option": exact[0] if exact else None}
    if kind in _SOME_OF:
        return {"type": kind, "selected_options": chosen}
    return {"type": kind, "value": given or None}


def _block(block: dict[str, Any]) -> Node:
    if block["type"] != "input":
        return message({"blocks": [block]})[0]
    field = block["element"]
    return element(
        "field",
        [str(block["label"]["text"])],
        kind=str(field["type"]),
        block_id=str(block["block_id"]),
        optional=bool(block.get("optional")),
        multiline=bool(field.get("multiline")),
        max_length=int(field.get("max_length") or 3000),
        options=[
            {"label": str(option["text"]["text"]), "value": str(option["value"])}
            for option in field.get("options", ())
        ],
    )
