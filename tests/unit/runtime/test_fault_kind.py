"""Who is to blame for an error."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from runtime.fault_kind import FaultKind, fault_kind


class PostgresError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def with_state(state: str) -> Exception:
    return exc.DBAPIError("UPDATE", {}, PostgresError(state))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (with_state("23514"), FaultKind.ROW),
        (with_state("22001"), FaultKind.ROW),
        (with_state("P0001"), FaultKind.ROW),
        (ValueError(), FaultKind.ROW),
        (KeyError(), FaultKind.ROW),
        (with_state("40P01"), FaultKind.TRANSIENT),
        (with_state("57014"), FaultKind.TRANSIENT),
        (TimeoutError(), FaultKind.TRANSIENT),
        (with_state("54000"), FaultKind.ROW),
        (with_state("55P03"), FaultKind.TRANSIENT),
        (with_state("42703"), FaultKind.PROGRAM),
        (with_state("XX000"), FaultKind.PROGRAM),
        (with_state("53100"), FaultKind.PROGRAM),
        (AttributeError(), FaultKind.PROGRAM),
    ],
)
def test_an_error_is_told_by_what_it_blames(error: Exception, kind: FaultKind) -> None:
    assert fault_kind(error) is kind
