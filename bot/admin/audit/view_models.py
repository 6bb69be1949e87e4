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
from bot.domain.audit import AuditAction
from bot.store.audit_chain import StoredEntry
from bot.store.audit_log import ActionCount

_REFUSALS = {AuditAction.LOGIN_REFUSED, AuditAction.CODE_REFUSED, AuditAction.ROLE_REFUSED}
_STRANGER = "알 수 없음"


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


def audit_item(entry: StoredEntry) -> AuditItem:
    """The list's view of a row."""
    return AuditItem(
        seq=entry.seq,
        at=entry.at,
        actor=entry.actor or _(_STRANGER),
        action=label(entry.action, ACTIONS),
        is_refusal=entry.action in _REFUSALS,
        about=entry.object,
        reason=entry.reason,
        address=entry.address,
        details=tuple(_details(entry.details)),
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


def _details(raw: str) -> Iterable[tuple[str, str]]:
    try:
        details = json.loads(raw)
    except ValueError:
        details = None
    if not isinstance(details, Mapping):
        return
    for name, value in details.items():
        if value not in ("", None, False, []):
            yield label(str(name), DETAILS), _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
