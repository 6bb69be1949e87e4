"""Database errors in the log and in the metrics: an outage is no fault, and none goes unlogged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import structlog

from bot.observability.metrics import DATABASE_FAULTS
from runtime.database import DATABASE_ERRORS, CannotConnectError, fault_fields, is_gone

log = structlog.get_logger(__name__)


def report_database_error(
    statement: str, error: BaseException, turn_ids: Iterable[UUID] = ()
) -> None:
    """Log the error of a statement; count it where it is a fault.

    ``statement`` is the name of the store's function: a few fixed words, since it is a label.
    A time-out is logged as an outage: it may be the server's, or one row's. A connection that
    cannot be made is logged by the connector: once, with its cause.
    """
    if isinstance(error, CannotConnectError):
        return
    if is_gone(error):
        log.warning("database_gone", statement=statement, error=type(error).__name__)
    else:
        report_fault(statement, error, turn_ids)


def report_fault(
    statement: str,
    error: BaseException,
    turn_ids: Iterable[UUID] = (),
    *,
    ids: Mapping[str, object] | None = None,
) -> None:
    """Log and count an error that a row, a value or the statement itself is to blame for.

    ``ids`` name what else is concerned, such as a job; they hold no words of a person.
    """
    DATABASE_FAULTS.labels(statement).inc()
    fields: dict[str, Any] = fault_fields(error) | {
        name: str(value) for name, value in (ids or {}).items()
    }
    if (named := [str(turn_id) for turn_id in turn_ids]) or not ids:
        fields["turn_ids"] = named
    if not isinstance(error, DATABASE_ERRORS):
        fields["exc_info"] = error
    log.error("database_fault", statement=statement, **fields)
