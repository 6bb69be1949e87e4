"""The charts of what a conversation costs: of the processors, and of the engine.

Workers and bots of a previous version report no times. So a worker's time of a conversation is that
of a measured answer, times the answers of a conversation, and the note says how many were measured.
Nobody knows how much such a bot used: the note says that the bots' time is too low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from bot.admin.charts.chart import Chart, in_fine_seconds
from bot.admin.charts.drawing import Values
from bot.admin.web.language import translate as _
from bot.store.statistics_reading import Statistics


def processors(statistics: Statistics, steps: Sequence[datetime]) -> Chart:
    """CPU seconds of a conversation: of workers in the chosen scope, and of bots on average."""
    of_bots = [statistics.bots.get(step) for step in steps]
    seen = [one for one in of_bots if one is not None]
    cpu_ms, begun = sum(one.cpu_ms for one in seen), sum(one.begun for one in seen)
    bots: Values = [
        one.cpu_ms / one.begun / 1000 if one is not None and one.begun else None for one in of_bots
    ]
    parts = [
        (_("워커"), _of_all(statistics, "cpu_ms")),
        (_("봇"), cpu_ms / begun / 1000 if begun else None),
    ]
    return Chart(
        name="cpu",
        title=_("대화 하나에 쓴 CPU 시간"),
        series={_("워커"): _by_step(statistics, steps, "cpu_ms"), _("봇"): bots},
        write=in_fine_seconds,
        headline=" · ".join(
            f"{name} {in_fine_seconds(value)}" for name, value in parts if value is not None
        ),
        note=_(
            "워커와 봇의 프로세스가 쓴 CPU 시간을 시작된 대화 수로 나눈 값입니다. 봇의 값은 모든 "
            "대화의 평균이고 쉬는 동안 쓴 시간도 들어 있습니다. 모델 서버를 따로 쓰면 그 서버의 "
            "CPU 시간은 들어 있지 않습니다."
        )
        + _measured(statistics)
        + _unreported(statistics),
    )


def engine(statistics: Statistics, steps: Sequence[datetime]) -> Chart:
    """The engine's busy seconds of a conversation."""
    whole = _of_all(statistics, "busy_ms")
    return Chart(
        name="gpu",
        title=_("대화 하나에 쓴 GPU 시간"),
        series={_("GPU 시간"): _by_step(statistics, steps, "busy_ms")},
        write=in_fine_seconds,
        headline=in_fine_seconds(whole) if whole is not None else "",
        note=_(
            "모델 엔진이 일한 시간을 시작된 대화 수로 나눈 값입니다. 답변 여러 개를 한꺼번에 쓰면 "
            "그 시간을 똑같이 나눕니다. GPU 없이 돌리는 엔진은 CPU로 일한 시간입니다."
        )
        + _measured(statistics),
    )


def _by_step(statistics: Statistics, steps: Sequence[datetime], name: str) -> Values:
    rows: dict[datetime, list[Mapping[str, int]]] = {step: [] for step in steps}
    for (step, _messenger), row in statistics.counts.items():
        rows.setdefault(step, []).append(row)
    return [_of_a_conversation(iter(rows[step]), name) for step in steps]


def _of_all(statistics: Statistics, name: str) -> float | None:
    return _of_a_conversation(iter(statistics.counts.values()), name)


def _of_a_conversation(rows: Iterator[Mapping[str, int]], name: str) -> float | None:
    """Seconds; None where no conversation began, or no answer was measured."""
    spent_ms = measured = answered = begun = 0
    for row in rows:
        spent_ms += row[name]
        measured += row["measured"]
        answered += row["answered"]
        begun += row["begun"]
    if not measured or not begun:
        return None
    return spent_ms / measured * answered / begun / 1000


def _measured(statistics: Statistics) -> str:
    """What to know of answers that have no times; "" where all have them."""
    answered, measured = statistics.total("answered"), statistics.total("measured")
    if measured >= answered:
        return ""
    return " " + _(
        "답변 {answered}건 가운데 {measured}건에서 잰 값입니다. 이전 버전의 워커나 봇이 처리한 "
        "답변에는 이 시간이 남지 않습니다.",
        answered=f"{answered:,}",
        measured=f"{measured:,}",
    )


def _unreported(statistics: Statistics) -> str:
    """What to know of bots that report no time; "" where all do.

    Such a bot leaves the time out of the answers that it stores as well.
    """
    for (step, _messenger), row in statistics.counts.items():
        if row["answered"] > row["measured"] or (row["begun"] and step not in statistics.bots):
            return " " + _(
                "이전 버전의 봇은 자기가 쓴 시간을 알려 주지 않습니다. 그런 봇이 함께 돌던 동안 "
                "봇의 값은 실제보다 낮거나 없습니다."
            )
    return ""
