"""Log lines as a collector reads them: one JSON object each, whatever is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

PROGRAM = """
import logging, structlog
from runtime.logging import configure_logs
configure_logs("INFO")
log = structlog.get_logger("x")
log.debug("unsaid")
log.info("said", word="한글", ids=[1, 2], half="\\ud83d", huge=2**80)
logging.getLogger("library").warning("그 밖의 %s", "말")
try:
    raise ValueError("잘못")
except ValueError:
    log.exception("broke")
"""


def lines() -> list[dict[str, Any]]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True)
    assert "한글" in done.stderr.decode()
    return [json.loads(line) for line in done.stderr.decode().splitlines()]


def test_every_line_is_an_object_with_time_and_level() -> None:
    said, library, broke = lines()
    assert all(line["timestamp"].endswith("Z") for line in (said, library, broke))
    assert [line["level"] for line in (said, library, broke)] == ["info", "warning", "error"]
    assert (said["event"], said["word"], said["ids"]) == ("said", "한글", [1, 2])
    assert said["huge"] == 2**80
    assert library["event"] == "그 밖의 말"
    assert "ValueError: 잘못" in broke["exception"]
