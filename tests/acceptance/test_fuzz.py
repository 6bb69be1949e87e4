"""A short fuzzing of the whole HTTP surface; FUZZ_REQUESTS and FUZZ_SEED make it another."""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fuzz.run import attack, measured
from tests.fuzz.target import Target, running_target

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "800"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))

pytestmark = pytest.mark.timeout(300 + REQUESTS)


@pytest.fixture
async def target(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Target]:
    async with running_target(database_url, redis_url, tmp_path) as running:
        yield running


async def test_odd_requests_cause_no_error_and_no_growth(target: Target) -> None:
    report = await asyncio.to_thread(
        measured, target, REQUESTS // 4, lambda: attack(target, REQUESTS, SEED)
    )
    assert not report.faults(), str(report)
    assert report.statuses.total() >= REQUESTS
    # The parsers behind the guards were reached, and the guards too.
    assert {200, 400, 401} <= set(report.statuses), str(report)


async def test_every_response_matches_the_description(target: Target) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        assert os.environ.get("CI") != "true", "CI needs schemathesis: it is a dev dependency"
        pytest.skip("schemathesis is not installed: `make test` installs it")
    from tests.fuzz.described import answers

    statuses = await asyncio.to_thread(answers, target, REQUESTS // 2, SEED)
    assert {200, 202, 303, 400, 404} <= set(statuses)
    assert target.complaints() == []
