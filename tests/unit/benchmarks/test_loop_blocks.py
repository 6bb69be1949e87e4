from __future__ import annotations

import pytest

from benchmarks.loop_blocks import count_blocks

METRICS = """\
# HELP bot_event_loop_cpu_seconds The part of the lag in which the event loop computed
# TYPE bot_event_loop_cpu_seconds histogram
bot_event_loop_cpu_seconds_bucket{{le="0.05"}} {below}
bot_event_loop_cpu_seconds_bucket{{le="0.1"}} 9.0
bot_event_loop_cpu_seconds_bucket{{le="+Inf"}} 10.0
bot_event_loop_cpu_seconds_count 10.0
bot_event_loop_cpu_seconds_sum 0.5
"""


@pytest.mark.parametrize(("below", "blocks"), [(10.0, 0), (7.0, 3)])
def test_blocks_above_fifty_milliseconds_are_counted(below: float, blocks: int) -> None:
    assert count_blocks(METRICS.format(below=below)) == blocks
