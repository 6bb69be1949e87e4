"""Database errors in the log and in the metrics: an outage is no fault, and none goes unlogged."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import structlog

from bot.observability.metrics import DATABASE_FAULTS
from runtime.database import fault_fields, is_gone

log = structlog.get_logger(__name__)


def report_database_error(
    statement: str, error: BaseException, turn_ids: Iterable[UUID] = ()
) -> None:
    """Log the error of a statement; count it where it is a fault.

    ``statement`` is the name of the store's function: a few fixed words, since it is a label.
    A time-out is logged as an outage: it may be the server's, or one row's.
    """
    if is_gone(error):
        log.warning("database_gone", statement=statement, error=type(error).__name__)
    else:
        report_fault(statement, error, turn_ids)


def report_fault(statement: str, error: BaseException, turn_ids: Iterable[UUID] = ()) -> None:
    """Log and count an error that a row, a value or the statement itself is to blame for."""
    DATABASE_FAULTS.labels(statement).inc()
    log.error(
        "database_fault",
        statement=statement,
        turn_ids=[str(turn_id) for turn_id in turn_ids],
        **fault_fields(error),
    )
