"""A model's Markdown as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token


def _emphasis(state: StateInline, silent: bool) -> bool:
    """CommonMark's rule; stars between punctuation and Hangul may also open and close.

    CommonMark does not close the bold of **"이름"**은: it requires a blank after the closing stars.
    """
    begin, first = state.pos, len(state.delimiters)
    if not emphasis.tokenize(state, silent):
        return False
    before, after = state.src[begin - 1 : begin], state.src[state.pos : state.pos + 1]
    for stars in state.delimiters[first:]:
        if stars.marker == ord("*"):
            stars.open |= _is_east_asian(before) and not after.isspace() and after != ""
            stars.close |= _is_east_asian(after) and not before.isspace() and before != ""
    return True


def _is_east_asian(char: str) -> bool:
    return char >= "\u1100" and char.isalpha()


class _Parser(MarkdownIt):
    """CommonMark and tables; raw HTML is text, links keep their spelling."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": 100})
        self.enable(["table", "strikethrough"])
        # A line such as "[1]: https://..." is a footnote for the reader, not a definition.
        self.disable("reference")
        self.inline.ruler.at("emphasis", _emphasis)

    def normalizeLink(self, url: str) -> str:  # noqa: N802 - the library's name
        return url


_PARSER = _Parser()

_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_RULE = "──────────"
#: The parser is quadratic in brackets: 1 s for 8,000, 4 ms for these.
_MAX_BRACKETS = 500


def plain_text(markdown: str) -> str:
    """The text for a chat without Markdown.

    Lists keep their bullets and numbers, links their address, code its text; a table row becomes a
    line. Empty only if ``markdown`` is blank. A text with too many brackets stays as it is.
    """
    if markdown.count("[") > _MAX_BRACKETS:
        return markdown.strip()
    page = _Page()
    for token in _PARSER.parse(markdown):
        page.add(token)
    return page.text() or markdown.strip()


class _Page:
    """Collects the lines of a token stream, with the prefixes of its open containers."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._prefixes: list[list[str]] = []  # per container: [next line, later lines]
        self._cells: list[str] | None = None  # of the open table row

    def add(self, token: Token) -> None:
        if token.level == 0 and token.nesting >= 0 and self._lines and token.type != "inline":
            self._lines.append("")
        match token.type:
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._write(token.content.rstrip("\n"))
            case "hr":
                self._write(_RULE)
            case "list_item_open":
                mark = f"{token.info}{token.markup} " if token.info else "• "
                self._prefixes.append([mark, "  "])
            case "blockquote_open":
                self._prefixes.append(["> ", "> "])
            case "list_item_close" | "blockquote_close":
                self._prefixes.pop()
            case "tr_open":
                self._cells = []
            case "tr_close":
                self._write(" | ".join(self._cells or []))
                self._cells = None

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._lines).strip("\n")

    def _inline(self, token: Token) -> None:
        text = _inline_text(token.children or [])
        if self._cells is None:
            self._write(text)
        else:
            self._cells.append(text.replace("\n", " "))

    def _write(self, text: str) -> None:
        for line in text.split("\n"):
            self._lines.append(self._take_prefix() + line)

    def _take_prefix(self) -> str:
        taken = "".join(prefix[0] for prefix in self._prefixes)
        for prefix in self._prefixes:
            prefix[0] = prefix[1]
        return taken


def _inline_text(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    links: list[tuple[str, int]] = []  # address, and the index of its label in parts
    for token in tokens:
        match token.type:
            case "text":
                parts.append(_LINE_BREAK_TAG.sub("\n", token.content))
            case "code_inline":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append("\n")
            case "image":
                parts.append(_linked(token.content, str(token.attrs.get("src", ""))))
            case "link_open":
                links.append((str(token.attrs.get("href", "")), len(parts)))
            case "link_close":
                address, begin = links.pop()
                parts[begin:] = [_linked("".join(parts[begin:]), address)]
    return "".join(parts)


def _linked(label: str, address: str) -> str:
    if not label or label == address.removeprefix("mailto:"):
        return label or address
    return f"{label} ({address})"
