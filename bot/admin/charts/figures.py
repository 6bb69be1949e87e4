"""The charts that there are: what each shows of the statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.admin.charts import computing
from bot.admin.charts.chart import (
    Chart,
    a_second,
    in_percent,
    in_pieces,
    in_seconds,
    in_tokens,
    ratios,
    some,
)
from bot.admin.charts.drawing import Values
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.store.statistics_reading import Statistics
from bot.store.statistics_scale import percentile_ms

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
STAGES = {
    "whole": "질문 접수부터 답변 전달까지",
    "queue": "접수 → 대기열",
    "start": "대기열 → 생성 시작",
    "first_token": "생성 시작 → 첫 토큰",
    "generate": "생성 시작 → 생성 끝",
    "deliver": "답변 확정 → 전달",
}
_TITLES = {
    "whole": "답변까지 걸린 시간",
    "queue": "걸린 시간: 접수 → 대기열",
    "start": "걸린 시간: 대기열 → 생성 시작",
    "first_token": "걸린 시간: 생성 시작 → 첫 토큰",
    "generate": "걸린 시간: 생성 시작 → 생성 끝",
    "deliver": "걸린 시간: 답변 확정 → 전달",
}
_LATENCY = "latency-"
#: The details that the charts of the first page draw step by step.
DRAWN = ("whole", "failed")
#: Reasons of failures that get a series of their own; the others share one.
_MAX_REASONS = 5


def stage_of(name: str) -> str:
    """The stage whose durations the chart of that name draws; empty: none of them."""
    stage = name.removeprefix(_LATENCY)
    return stage if stage != name and stage in STAGES else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Makes the charts of the statistics of a span."""

    statistics: Statistics
    steps: Sequence[datetime]
    step_s: int
    messengers: Mapping[str, str]  #: those shown, with their names

    def overview(self) -> list[Chart]:
        """The charts of the first page."""
        makers = (
            self.volume, self.in_time, self.latency, self.waiting,
            self.tokens, self.generation, self.processors, self.engine, self.errors, self.votes,
        )  # fmt: skip
        return [make() for make in makers]

    def find(self, name: str) -> Chart | None:
        """The chart of a name, or None; ``latency-<stage>`` is that of one stage."""
        if stage := stage_of(name):
            return self.latency(stage)
        return next((chart for chart in self.overview() if chart.name == name), None)

    def volume(self) -> Chart:
        """The turns that ended, by messenger."""
        return Chart(
            name="volume",
            title=_("처리한 질문"),
            series=self._by_messenger("ended"),
            write=in_pieces,
            headline=some(self.statistics.total("ended"), in_pieces),
            stacked=True,
        )

    def in_time(self) -> Chart:
        """The share of those answered by their due time, by messenger."""
        judged, in_time = self._by_messenger("judged"), self._by_messenger("in_time")
        return Chart(
            name="in-time",
            title=_("제시간에 답변한 비율"),
            series={
                label: ratios(in_time[label], values, 100.0) for label, values in judged.items()
            },
            write=in_percent,
            headline=self._ratio("in_time", "judged", in_percent, 100.0),
            note=_(
                "답변이 필요했던 질문 가운데 각 메신저의 기한 안에 답변이 전달된 비율입니다. "
                "카카오톡은 콜백 기한, 그 밖에는 접수 후 60초가 기한입니다."
            ),
            fixed_top=100.0,
        )

    def latency(self, stage: str = "whole") -> Chart:
        """The percentiles of a stage's duration."""
        found = [self.statistics.histogram(stage, step) for step in self.steps]
        whole = self.statistics.histogram(stage)
        middle, slow = percentile_ms(whole, 0.5), percentile_ms(whole, 0.95)
        return Chart(
            name=f"{_LATENCY}{stage}",
            title=_(_TITLES[stage]),
            series={
                label: [percentile_ms(histogram, share) for histogram in found]
                for label, share in PERCENTILES.items()
            },
            write=labels.duration,
            headline=(
                f"p50 {labels.duration(middle)} · p95 {labels.duration(slow)}" if whole else ""
            ),
            note=_("구간을 나누어 센 값이라 실제와 9%까지 다를 수 있습니다."),
        )

    def stages(self) -> list[tuple[str, str, list[str], int]]:
        """Name, label, percentiles in words and number of turns of each stage, over the span."""
        rows = []
        for stage, label in STAGES.items():
            histogram = self.statistics.histogram(stage)
            values = [percentile_ms(histogram, share) for share in PERCENTILES.values()]
            rows.append((stage, _(label), list(map(labels.duration, values)), histogram.total()))
        return rows

    def waiting(self) -> Chart:
        """The most turns that waited at a time, by messenger."""
        series = self._by_messenger("max_waiting")
        highest = max((value for values in series.values() for value in values), default=0.0)
        return Chart(
            name="waiting",
            title=_("대기열 길이"),
            series=series,
            write=in_pieces,
            headline=_("최대 {count}", count=in_pieces(highest)) if highest else "",
            note=_("모델을 기다린 질문이 가장 많았던 때의 수입니다. 10초마다 셉니다."),
        )

    def tokens(self) -> Chart:
        """The tokens generated in a second."""
        tokens = self._sums("completion_tokens")
        total = some(self.statistics.total("completion_tokens"), in_tokens)
        return Chart(
            name="tokens",
            title=_("초당 생성 토큰"),
            series={_("생성 토큰"): [value / self.step_s for value in tokens]},
            write=a_second,
            headline=_("모두 {amount}", amount=total) if total else "",
            note=_("끝난 답변의 토큰을 시간으로 나눈 값입니다."),
        )

    def generation(self) -> Chart:
        """Seconds of generation for each conversation that began."""
        return Chart(
            name="generation",
            title=_("대화 하나에 쓴 생성 시간"),
            series={
                _("생성 시간"): ratios(self._sums("generation_ms"), self._sums("begun"), 0.001)
            },
            write=in_seconds,
            headline=self._ratio("generation_ms", "begun", in_seconds, 0.001),
            note=_("모델이 답변을 쓴 시간을 그동안 시작된 대화 수로 나눈 값입니다."),
        )

    def processors(self) -> Chart:
        """Processor seconds of workers and bots for each conversation that began."""
        return computing.processors(self.statistics, self.steps)

    def engine(self) -> Chart:
        """Seconds of the engine, so of its GPU, for each conversation that began."""
        return computing.engine(self.statistics, self.steps)

    def errors(self) -> Chart:
        """Failed and expired turns by their reason."""
        failures = [self.statistics.failures(step) for step in self.steps]
        totals: Counter[str] = Counter()
        for found in failures:
            totals.update(found)
        shown = [reason for reason, _times in totals.most_common(_MAX_REASONS)]
        series: dict[str, Values] = {
            labels.label(reason, labels.FAILURES) or _("알 수 없음"): [
                float(found[reason]) for found in failures
            ]
            for reason in shown
        }
        if len(totals) > _MAX_REASONS:
            series[_("그 밖")] = [
                float(found.total() - sum(found[reason] for reason in shown)) for found in failures
            ]
        return Chart(
            name="errors",
            title=_("실패와 시간 초과"),
            series=series,
            write=in_pieces,
            headline=some(totals.total(), in_pieces),
            stacked=True,
        )

    def votes(self) -> Chart:
        """People's votes on answers."""
        good, bad = self.statistics.total("good_votes"), self.statistics.total("bad_votes")
        return Chart(
            name="votes",
            title=_("사용자 평가"),
            series={
                _("좋아요"): self._sums("good_votes"),
                _("싫어요"): self._sums("bad_votes"),
            },
            write=in_pieces,
            headline=(
                _("좋아요 {good} · 싫어요 {bad}", good=f"{good:,}", bad=f"{bad:,}")
                if good or bad
                else ""
            ),
            stacked=True,
        )

    def _by_messenger(self, name: str) -> dict[str, list[float]]:
        counts = self.statistics.counts
        return {
            label: [float(counts.get((step, key), {}).get(name, 0)) for step in self.steps]
            for key, label in self.messengers.items()
        }

    def _sums(self, name: str) -> list[float]:
        columns = zip(*self._by_messenger(name).values(), strict=True)
        return [sum(column) for column in columns]

    def _ratio(self, part: str, whole: str, write: Callable[[float], str], unit: float) -> str:
        total = self.statistics.total(whole)
        return write(unit * self.statistics.total(part) / total) if total else ""
