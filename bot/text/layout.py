"""Lines of plain text in blocks: a blank line between two, prefixes for quotes and lists."""

from __future__ import annotations


class Layout:
    """Writes lines below the open quotes and list items."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._block = ""  # the kind of the last block outside of quotes and lists, or of those
        self._quotes = 0
        self._items: list[int] = []  # the columns of the open list items' markers
        self._list = ""  # the marker of the outermost list
        self._mark = ""  # of the list item whose first line is not written yet
        self.after_blank = False  #: the source has a blank line before the current one

    @property
    def quotes(self) -> int:
        """The depth of the open quotes."""
        return self._quotes

    @property
    def in_item(self) -> bool:
        """Whether a list item is open."""
        return bool(self._items)

    @property
    def in_paragraph(self) -> bool:
        """Whether the last line belongs to a paragraph that may go on, outside of all others."""
        return self._block == "paragraph" and not self.after_blank

    @property
    def in_indented_code(self) -> bool:
        """Whether an indented line is code here."""
        return not self._items and (self._block in {"", "indented"} or self.after_blank)

    def enter_quotes(self, depth: int) -> None:
        """Begin or end quotes; lists do not go on in them."""
        if depth != self._quotes:
            self._quotes, self._items = depth, []

    def begin(self, block: str, indent: int, *, is_lazy: bool = False) -> None:
        """Begin or continue a block outside of the list items that it is not indented below.

        ``is_lazy``: as the next line of a paragraph it stays in them.
        """
        if not (self._mark or (is_lazy and not self.after_blank)):
            self._items = [column for column in self._items if column < indent]
        self._separate(self._container() or block)

    def begin_item(self, indent: int, marker: str) -> None:
        """Begin a list item with its marker: a bullet, or a number with its delimiter."""
        self.end_item()
        self._items = [column for column in self._items if column < indent - 1]
        if not self._items:
            self._list = marker[-1]
        self._items.append(indent)
        self._separate(self._container())
        self._mark = "• " if marker in "-*" else f"{marker} "

    def end_item(self) -> None:
        """Write the marker of an item without text."""
        if self._mark:
            self.write("")

    def write(self, line: str) -> None:
        """Write a line of the block."""
        depth = len(self._items) - (1 if self._mark else 0)
        prefix = "> " * self._quotes + "  " * depth + self._mark
        self._lines.append((prefix + line).rstrip())
        self._mark = ""

    def text(self) -> str:
        """All lines."""
        self.end_item()
        return "\n".join(self._lines).strip("\n")

    def _separate(self, block: str) -> None:
        is_loose = self.after_blank and not self._items
        if self._lines and (block != self._block or is_loose):
            self._lines.append("")
        self._block = block

    def _container(self) -> str:
        if self._quotes:
            return "quote"
        return f"list {self._list}" if self._items else ""
