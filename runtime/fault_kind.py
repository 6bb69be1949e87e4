"""The cause of a database error that is no outage, by its SQLSTATE: row, timing or program.

Source: PostgreSQL documentation, appendix A.
"""

from __future__ import annotations

from enum import StrEnum

from runtime.database import DATABASE_ERRORS, is_gone, sqlstate

#: Data exception, integrity constraint violation, view's check option, program limit (a value too
#: large), and what a trigger raises.
_ROW_CLASSES = frozenset({"22", "23", "44", "54", "P0"})
#: Rollback of a deadlock or of a serialization failure; lock not available; statement cancelled.
_TRANSIENT_CLASSES = frozenset({"40"})
_TRANSIENT_STATES = frozenset({"55P03", "57014"})


class FaultKind(StrEnum):
    """The cause of a fault."""

    ROW = "row"  #: one row or value: another try fails again
    TRANSIENT = "transient"  #: a time-out or a deadlock: another try may succeed
    PROGRAM = "program"  #: the program or its schema: every row would fail


def fault_kind(error: BaseException) -> FaultKind:
    """The cause of the error; PROGRAM if it may be a bug of the program."""
    state = sqlstate(error)
    transient = state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES
    if isinstance(error, TimeoutError) or transient:
        return FaultKind.TRANSIENT
    if isinstance(error, DATABASE_ERRORS):
        by_row = state[:2] in _ROW_CLASSES and not is_gone(error)
        return FaultKind.ROW if by_row else FaultKind.PROGRAM
    # A stored value that cannot be read back.
    unreadable = isinstance(error, LookupError | TypeError | ValueError)
    return FaultKind.ROW if unreadable else FaultKind.PROGRAM
