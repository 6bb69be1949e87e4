"""Exports as their pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl

from bot.admin.exports import labels as words
from bot.admin.exports.lists import ExportedList
from bot.admin.web import labels
from bot.admin.web.badges import Badge, badge_of
from bot.admin.web.language import translate as _
from bot.domain.exports import OPEN_EXPORTS, ExportState
from bot.store.exports.orders import Export

_UNITS = ("B", "kB", "MB", "GB")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportItem:
    """An export on its page, and in the list of exports."""

    id: int
    name: str
    page: str  #: the route of the list's page; empty: this version knows no such list
    query: str  #: its URL's query; of others' exports nothing
    conditions: tuple[str, ...]
    format: str
    state: Badge
    sentence: str
    author: str
    reason: str
    rows: str
    size: str
    cut: bool
    is_open: bool
    is_own: bool
    has_file: bool
    created_at: datetime
    expires_at: datetime | None


def export_item(export: Export, lists: Mapping[str, ExportedList], *, reader: str) -> ExportItem:
    """The view of an export for the user ``reader``: search words are shown to their author."""
    asked = lists.get(export.list)
    is_own = export.author == reader
    query = export.query if is_own else ""
    has_file = export.state == ExportState.DONE
    return ExportItem(
        id=export.id,
        name=_(asked.label) if asked else export.list,
        page=asked.name if asked else "",
        query=query,
        conditions=tuple(f"{name}: {value}" for name, value in parse_qsl(query)),
        format=labels.label(export.format, words.FORMATS),
        state=badge_of(export.state, words.STATES, words.TONES),
        sentence=_sentence(export.failure or export.state),
        author=export.author,
        reason=export.reason,
        rows=f"{export.rows:,}",
        size=_size(export.bytes) if has_file else "",
        cut=export.cut and has_file,
        is_open=export.state in OPEN_EXPORTS,
        is_own=is_own,
        has_file=has_file,
        created_at=export.created_at,
        expires_at=export.expires_at,
    )


def _sentence(end: str) -> str:
    """What happened and what to do; empty where nothing is to be said."""
    return _(words.SENTENCES[end]) if end in words.SENTENCES else ""


def _size(count: int) -> str:
    size, unit = float(count), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if not unit else f"{size:.1f} {_UNITS[unit]}"
