"""Lists of numbered rows, newest first, that page by ``before``: the number above the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from aiohttp import web

from bot.admin.web.numbers import whole_number

Row = TypeVar("Row")


class BadPlaceError(web.HTTPBadRequest):
    """The address names no place of the list; the error page says so."""


def read_before(request: web.Request) -> int | None:
    """The number above the page; None: the first page. Raises BadPlaceError."""
    raw = request.query.get("before", "")
    before = whole_number(raw)
    if raw and before is None:
        raise BadPlaceError
    return before


def cut(
    found: Sequence[Row], page_size: int, place: Callable[[Row], object]
) -> tuple[Sequence[Row], str]:
    """The rows of a page, and where the next one begins; "" if it is the last.

    ``found`` has one row more than the page where there are more; ``place``: a row's place.
    """
    shown = found[:page_size]
    return shown, str(place(shown[-1])) if len(found) > page_size else ""
