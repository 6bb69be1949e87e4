"""Runs a document's commands as an operator would."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]


def blocks(page: str, info: str) -> list[str]:
    """The code blocks of a page below docs/ whose info string is ``info``."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(rf"^```{re.escape(info)}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


async def run(
    script: str, *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> str:
    """The standard output of a script whose every command succeeds."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 100)
    assert process.returncode == 0, errors.decode()
    return output.decode()
