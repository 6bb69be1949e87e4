"""The pages of the charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.admin.charts.chart import Chart
from bot.admin.charts.figures import DRAWN, Figures, stage_of
from bot.admin.charts.windows import LABELS, BadWindow, Window
from bot.admin.login.access import needs
from bot.admin.turns.views import MESSENGER_LABELS
from bot.admin.web import labels
from bot.admin.web.labels import KST
from bot.admin.web.language import translate as _
from bot.admin.web.pages import DATABASE, error_page, page
from bot.domain.dashboard_users import Role
from bot.store.statistics import LAG_S, counted_until
from bot.store.statistics_reading import read_statistics, tenants

#: What is counted later than this tells that the counting lags behind, seconds.
LATE_S = LAG_S + 110.0
#: Tenants that were heard of in so many days before the end of the range are listed.
LISTED_DAYS = 90
_NO_CHART = "해당 차트를 찾을 수 없습니다. 주소가 잘못되었을 수 있습니다."


@needs(Role.VIEWER)
async def show_charts(request: web.Request) -> web.StreamResponse:
    """GET /admin/charts: all charts of a range of time."""
    try:
        window = _window(request)
    except BadWindow as error:
        return error_page(request, 400, str(error))
    figures, context = await _figures(request, window, DRAWN)
    return page(
        request, "charts.html", charts=figures.overview(), stages=figures.stages(), **context
    )


@needs(Role.VIEWER)
async def show_chart(request: web.Request) -> web.StreamResponse:
    """GET /admin/charts/{name}: one chart, and the table of its numbers."""
    try:
        window = _window(request)
    except BadWindow as error:
        return error_page(request, 400, str(error))
    name = request.match_info["name"]
    figures, context = await _figures(request, window, [*DRAWN, stage_of(name)])
    chart = figures.find(name)
    if chart is None:
        return error_page(request, 404, _(_NO_CHART))
    return page(request, "chart.html", chart=chart, rows=_rows(chart, window), **context)


def _window(request: web.Request) -> Window:
    messengers = request.app[MESSENGER_LABELS]
    return Window.parse(request.query, messengers, datetime.now(UTC))


async def _figures(
    request: web.Request, window: Window, by_step: Sequence[str]
) -> tuple[Figures, dict[str, Any]]:
    """The figures of the window, and what both pages show beside them."""
    async with request.app[DATABASE].connect() as connection:
        statistics = await read_statistics(connection, window.span, by_step)
        counted = await counted_until(connection)
        listed = await tenants(connection, window.since_days(LISTED_DAYS), window.messenger)
    known: dict[str, str] = request.app[MESSENGER_LABELS]
    names = (name for _step, name in statistics.counts)
    every = labels.translated(known) | {name: name for name in names if name not in known}
    shown = {window.messenger: every[window.messenger]} if window.messenger else every
    figures = Figures(
        statistics=statistics,
        steps=window.steps,
        step_s=window.span.step_s,
        messengers=shown,
    )
    return figures, {
        "window": window,
        "ranges": labels.translated(LABELS),
        "messengers": every,
        "tenants": sorted({*listed, window.tenant} - {""}),
        "ticks": _ticks(window),
        "counted": counted,
        "late": counted is not None and (datetime.now(UTC) - counted).total_seconds() > LATE_S,
        "nothing": not statistics.counts,
    }


def _ticks(window: Window) -> list[str]:
    """The times below a chart: its beginning, middle and end."""
    since, until = window.span.since, window.span.until
    moments = (since, since + (until - since) / 2, until)
    return [_tick(moment, window.span.step_s) for moment in moments]


def _rows(chart: Chart, window: Window) -> list[tuple[str, list[str]]]:
    """The lines of a chart's table, newest first."""
    columns = list(chart.series.values())
    rows = [
        (_tick(step, window.span.step_s), [chart.cell(values[number]) for values in columns])
        for number, step in enumerate(window.steps)
    ]
    return rows[::-1]


def _tick(moment: datetime, step_s: int) -> str:
    local = moment.astimezone(KST)
    return local.strftime("%m-%d" if step_s >= 86_400 else "%m-%d %H:%M")
