"""Slack's texts as trees, which the page builds as DOM nodes: no text ever becomes HTML.

A node is a string, or ``{"tag": ..., "children": [...]}`` with ``href`` for a link.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Node = str | dict[str, Any]

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
#: Of a parsed text: 2,600 characters of table were 30,000 cells, and took 1.8 s.
MAX_CELLS = 1_000
MAX_LIST_ITEMS = 700
MAX_BRACKET_STEPS = 400_000  #: the end of each may be looked for up to the text's
MAX_IMAGES = 20
MAX_SIGNS = 1_500
MAX_LINES = 1_000
_TAGS = {
    "paragraph": "p",
    "heading": "h4",  # Slack shows every level in one size
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
    "strong": "strong",
    "em": "em",
    "s": "del",
    "link": "a",
    "image": "a",  # the markdown block shows an image as its link
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "hr": "hr",
    "softbreak": "br",
    "hardbreak": "br",
}
#: The two sides of feedback_buttons, and the thumbs that Slack shows for them.
FEEDBACK_SIDES = {"positive_button": "up", "negative_button": "down"}
_LITERAL = {"code_inline": "code", "fence": "pre", "code_block": "pre"}

_LIST_ITEM = re.compile(r"(?<!\S)(?:[-*+]|\d{1,9}[.)])(?!\S)")
_QUOTE = re.compile(r"^(?:>|&gt;) ?")
#: A marker counts only at a word boundary, and Hangul is a word: 한글*굵게*를 is not bold.
_MRKDWN = re.compile(
    r"```(?P<pre>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<href>(?:https?://|mailto:)[^|<>\s]+)(?:\|(?P<label>[^<>]+))?>"
    r"|<@(?P<mention>[UW][A-Z0-9]+)>"
    r"|(?<![\w*])\*(?P<strong>[^*\n]+)\*(?![\w*])"
    r"|(?<![\w_])_(?P<em>[^_\n]+)_(?![\w_])"
    r"|(?<![\w~])~(?P<del>[^~\n]+)~(?![\w~])",
    re.DOTALL,
)


def element(tag: str, children: Iterable[Node] = (), **attributes: Any) -> Node:
    """A node of this tag."""
    return {"tag": tag, "children": list(children), **attributes}


def markdown(text: str) -> list[Node]:
    """A text of the ``markdown`` block: CommonMark with tables and strikethrough.

    A text that the parser would take too long for is shown as typed.
    """
    if _is_costly(text):
        return [element("pre", [text])]
    return _children(SyntaxTreeNode(_MARKDOWN.parse(text)))


def _is_costly(text: str) -> bool:
    """Whether parsing takes above 20 ms: by tables, lists, brackets, signs or short lines."""
    lines = text.split("\n")
    signs = sum(map(text.count, "*_~`<>&\\!#"))
    return (
        _max_cells(lines) > MAX_CELLS
        or len(_LIST_ITEM.findall(text)) > MAX_LIST_ITEMS
        or text.count("![") > MAX_IMAGES
        or text.count("[") * len(text) > MAX_BRACKET_STEPS
        or signs > MAX_SIGNS
        or len(lines) > MAX_LINES
    )


def _max_cells(lines: Iterable[str]) -> int:
    """The most cells that tables can have: up to a blank line each line is a row, filled up."""
    cells = 0
    for is_text, run in itertools.groupby(lines, lambda line: bool(line.strip())):
        pipes = [line.count("|") for line in run]
        cells += is_text and max(pipes) * len(pipes)
    return cells


def _children(node: SyntaxTreeNode) -> list[Node]:
    return [shown for child in node.children for shown in _nodes(child)]


def _nodes(node: SyntaxTreeNode) -> list[Node]:
    if node.type == "text":
        return [node.content] if node.content else []
    if node.type in _LITERAL:
        return [element(_LITERAL[node.type], [node.content])]
    if node.type == "inline" or node.hidden:
        return _children(node)
    attributes: dict[str, Any] = {}
    if node.type in {"link", "image"}:
        attributes["href"] = str(node.attrs.get("href") or node.attrs.get("src") or "")
    elif "start" in node.attrs:
        attributes["start"] = node.attrs["start"]
    return [element(_TAGS.get(node.type, "span"), _children(node), **attributes)]


def mrkdwn(text: str) -> list[Node]:
    """A text in Slack's own markup, as in ``text``, sections and contexts.

    A mentioned person is a node ``mention`` with the user's id.
    """
    nodes: list[Node] = []
    for quoted, run in itertools.groupby(text.split("\n"), lambda line: bool(_QUOTE.match(line))):
        lines = "\n".join(_QUOTE.sub("", line) if quoted else line for line in run)
        nodes.extend([element("blockquote", _spans(lines))] if quoted else _spans(lines))
    return nodes


def _spans(text: str) -> list[Node]:
    nodes: list[Node] = []
    place = 0
    for match in _MRKDWN.finditer(text):
        nodes.append(_unescaped(text[place : match.start()]))
        nodes.append(_marked(match))
        place = match.end()
    nodes.append(_unescaped(text[place:]))
    return [node for node in nodes if node]


def _marked(match: re.Match[str]) -> Node:
    if href := match["href"]:
        return element("a", [_unescaped(match["label"] or href)], href=_unescaped(href))
    tag = str(match.lastgroup)
    return element(tag, [_unescaped(match[tag])])


def _unescaped(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def message(body: dict[str, Any]) -> list[Node]:
    """A checked Slack message: its blocks, or its text without any."""
    blocks = body.get("blocks") or []
    if not blocks:
        return [element("p", mrkdwn(str(body.get("text", ""))))]
    return [element("div", _block(block), block=block["type"]) for block in blocks]


def _block(block: dict[str, Any]) -> list[Node]:
    build = _BLOCKS.get(block["type"])
    return build(block) if build else [element("em", [f"({block['type']})"])]


def _section(block: dict[str, Any]) -> list[Node]:
    texts = [block["text"]] if "text" in block else []
    shown = [element("p", [_text(text)]) for text in [*texts, *block.get("fields", [])]]
    return [*shown, *_buttons({"elements": [block.get("accessory")]})]


def _context(block: dict[str, Any]) -> list[Node]:
    return [element("span", [_text(part)]) for part in block["elements"]]


def _buttons(block: dict[str, Any]) -> list[Node]:
    """Buttons with their action_id and value; feedback buttons are two with one action_id."""
    return [
        element(
            "button",
            [_text(button.get("text"))],
            action_id=str(part.get("action_id", "")),
            value=str(button.get("value", "")),
            style=str(button.get("style", "")),
            label=str(button.get("accessibility_label", "")),
            icon=icon,
        )
        for part in block["elements"]
        if isinstance(part, dict)
        for icon, button in _sides(part) or [("", part)]
    ]


def _sides(part: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(icon, part[side]) for side, icon in FEEDBACK_SIDES.items() if side in part]


def _table(block: dict[str, Any]) -> list[Node]:
    rows = [
        element("tr", [element("td", [_deep_text(cell)]) for cell in row]) for row in block["rows"]
    ]
    return [element("table", [element("tbody", rows)])]


def _deep_text(node: Any) -> str:
    """All texts within a rich_text or raw_text cell."""
    if isinstance(node, list):
        return "".join(map(_deep_text, node))
    if not isinstance(node, dict):
        return ""
    text = node.get("text")
    return text if isinstance(text, str) else _deep_text(node.get("elements"))


_BLOCKS: dict[str, Callable[[dict[str, Any]], list[Node]]] = {
    "markdown": lambda block: markdown(block["text"]),
    "header": lambda block: [element("h4", [_text(block["text"])])],
    "divider": lambda _: [element("hr")],
    "section": _section,
    "context": _context,
    "actions": _buttons,
    "context_actions": _buttons,
    "table": _table,
}


def _text(part: Any) -> Node:
    """The text of a text object or of an element."""
    if not isinstance(part, dict):
        return ""
    text = part.get("text", part.get("alt_text", ""))
    if not isinstance(text, str):
        return ""
    return element("span", mrkdwn(text)) if part.get("type") == "mrkdwn" else text
