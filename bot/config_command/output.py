"""What ``config`` prints: lines for people, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any

from bot.configs.versions import Change, Shown, as_object
from bot.domain.bot_config import Scope
from bot.store.bot_configs import StoredConfig


def shown_lines(shown: Shown) -> str:
    """The settings of a scope, each with the scope and version that set it."""
    lines = [f"{shown.scope}: {_version(shown.version)}"]
    width = max(map(len, shown.values), default=0)
    for key, value in shown.values.items():
        source = shown.sources[key]
        lines += _indented(f"  {key:{width}}  ", value)
        lines[-1] += f"  [{source.scope}, version {source.version}]"
    lines += [f"  {key}: ignored, {reason}" for key, reason in shown.ignored.items()]
    if not shown.values:
        lines.append("  nothing is set here: the environment's settings count")
    return _text(lines)


def shown_json(shown: Shown) -> str:
    """The same as one JSON object."""
    sources = {
        key: {"scope": row.scope._asdict(), "version": row.version}
        for key, row in shown.sources.items()
    }
    return _json(
        {
            "scope": shown.scope._asdict(),
            "version": shown.version,
            "values": shown.values,
            "sources": sources,
            "ignored": shown.ignored,
        }
    )


def change_lines(change: Change) -> str:
    """A version and its difference to the one before."""
    row = change.row
    by = f" by {row.author}" if row.author else ""
    restored = f", equal to version {row.restores}" if row.restores else ""
    lines = [f"{row.scope}: version {row.version}, {_time(row)}{by}{restored}"]
    if row.note:
        lines += _indented("  # ", row.note)
    now = as_object(row.values)
    for key in change.keys:
        if key in change.before:
            lines += _indented(f"  - {key} = ", change.before[key])
        if key in now:
            lines += _indented(f"  + {key} = ", now[key])
    return _text(lines)


def unchanged_lines(scope: Scope) -> str:
    """Nothing was written."""
    return f"{scope}: nothing changed, as it has these values.\n"


def history_lines(scope: Scope, changes: Iterable[Change]) -> str:
    """The versions of a scope."""
    return "".join(map(change_lines, changes)) or f"{scope}: nothing was ever set here.\n"


def change_json(change: Change | None) -> str:
    """One version as JSON; null where nothing changed."""
    return _json(_change(change) if change else None)


def history_json(changes: Iterable[Change]) -> str:
    """A JSON array of versions."""
    return _json([_change(change) for change in changes])


def _change(change: Change) -> dict[str, Any]:
    row = change.row
    return {
        "version": row.version,
        "scope": row.scope._asdict(),
        "author": row.author,
        "created_at": row.created_at.astimezone(UTC).isoformat(),
        "note": row.note,
        "restores": row.restores,
        "changed": {key: _pair(key, change) for key in change.keys},
        "values": row.values,
    }


def _pair(key: str, change: Change) -> dict[str, Any]:
    now: Mapping[str, Any] = as_object(change.row.values)
    return {"before": change.before.get(key), "after": now.get(key)}


def _indented(head: str, value: object) -> list[str]:
    """The value behind the head; further lines of a text stand below its first."""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    first, *more = words.split("\n")
    return [head + first, *(" " * len(head) + line for line in more)]


def _version(version: int | None) -> str:
    return f"version {version}" if version else "no version"


def _time(row: StoredConfig) -> str:
    return f"{row.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
