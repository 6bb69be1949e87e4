"""Faults of the database: errors that waiting does not mend, each of one statement and one row."""

from __future__ import annotations

from uuid import UUID

import structlog

from inference_worker.metrics import DATABASE_FAULTS
from runtime.database import DATABASE_ERRORS, CannotConnectError, fault_fields

log = structlog.get_logger(__name__)


def report_fault(statement: str, error: BaseException, job_id: UUID) -> None:
    """Log and count it. Raises the error where it is not the database's: that is a bug of ours."""
    if not isinstance(error, DATABASE_ERRORS):
        raise error
    DATABASE_FAULTS.labels(statement).inc()
    fields = fault_fields(error)
    log.error("database_fault", statement=statement, job_id=str(job_id), **fields)


def report_outage(statement: str, error: BaseException) -> None:
    """Log that Postgres cannot be reached; the statement is repeated later.

    A connection that cannot be made is logged by the connector: once, with its cause.
    """
    if isinstance(error, CannotConnectError):
        return
    log.warning("database_gone", statement=statement, error=type(error).__name__)
