"""Rows of the audit log as its pages show them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from bot.admin.audit.labels import ACTIONS, DETAILS
from bot.admin.web.labels import label
from bot.admin.web.language import translate as _
from bot.admin.web.typed import typed_for
from bot.domain.audit import AuditAction
from bot.store.audit_chain import StoredEntry
from bot.store.audit_log import ActionCount

_REFUSALS = {AuditAction.LOGIN_REFUSED, AuditAction.CODE_REFUSED, AuditAction.ROLE_REFUSED}
_STRANGER = "알 수 없음"
#: Details that the program makes: pseudonyms and numbers, which masking could take for people's.
_MADE_HERE = {"people", "turns", "subject"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditItem:
    """A row of the list."""

    seq: int
    at: datetime
    actor: str
    action: str
    is_refusal: bool
    about: str
    reason: str
    address: str
    details: tuple[tuple[str, str], ...]  #: name and value


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What one user did in a month, by act."""

    actor: str
    counts: tuple[tuple[str, int, int], ...]  #: act, times, addresses


def audit_item(entry: StoredEntry, *, reader: str = "") -> AuditItem:
    """The view of a row for the user ``reader``; "": as anybody may read it, as in a file.

    Masking takes time: call it in the masking thread.
    """
    return AuditItem(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor or _(_STRANGER),
        action=label(entry.action, ACTIONS),
        is_refusal=entry.action in _REFUSALS,
        about=entry.object,
        reason=typed_for(reader, entry.reason, entry.actor),
        address=entry.address,
        details=tuple(_details(entry, reader)),
    )


def report_rows(counts: Sequence[ActionCount]) -> list[ReportRow]:
    """The month's counts, which are sorted by user: one row for each."""
    return [
        _report_row(actor, found) for actor, found in groupby(counts, key=lambda one: one.actor)
    ]


def _report_row(actor: str, counts: Iterable[ActionCount]) -> ReportRow:
    found = sorted(counts, key=lambda count: -count.times)
    return ReportRow(
        actor=actor or _(_STRANGER),
        counts=tuple((label(one.action, ACTIONS), one.times, one.addresses) for one in found),
    )


def _details(entry: StoredEntry, reader: str) -> Iterable[tuple[str, str]]:
    try:
        details = json.loads(entry.details)
    except ValueError:
        details = None
    if not isinstance(details, Mapping):
        return
    for name, value in details.items():
        if value not in ("", None, False, []):
            shown = _shown(value)
            if name not in _MADE_HERE:
                shown = typed_for(reader, shown, entry.actor)
            yield label(str(name), DETAILS), shown


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
