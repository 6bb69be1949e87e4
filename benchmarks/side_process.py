"""Engines in processes of their own, so that each has its own interpreter, tree and libraries.

The first line that a side prints is an object, once its model is loaded. Then each line that it
reads, ``{"at_once": n, "requests": [{"prompt": [ids], "tokens": n}, ...]}``, is answered by one:
``{"seconds", "cpu_s", "answers": [[ids], ...], "first_ms": [...]}``. Requests beyond ``at_once``
wait; a side decodes greedily, and ends no answer early. vLLM's side takes ``sampling`` as well, the
arguments of its SamplingParams.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a side did with a list of requests; ``first_ms``: times to the first token."""

    seconds: float
    cpu_s: float
    answers: list[list[int]]
    first_ms: list[float]

    @property
    def tokens(self) -> int:
        """Tokens written."""
        return sum(map(len, self.answers))

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Tokens a second of processor time."""
        return self.tokens / self.cpu_s


class Side:
    """A running engine. Raises RuntimeError when it ends; what it says goes to standard error."""

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def wait_until_loaded(self) -> None:
        """Until it can take requests."""
        self._read()

    def answer(self, requests: Sequence[Mapping[str, Any]], *, at_once: int) -> Outcome:
        """Let it answer all requests."""
        if self._process.stdin is None:
            raise RuntimeError("the side has no standard input")
        self._process.stdin.write(
            json.dumps({"at_once": at_once, "requests": list(requests)}) + "\n"
        )
        self._process.stdin.flush()
        return Outcome(**self._read())

    def close(self) -> None:
        """End it."""
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"a side ended with status {self._process.wait()}")
        message: dict[str, Any] = json.loads(line)
        return message


def local_side(folder: Path, tree: Path) -> Side:
    """The local engine as it is in ``tree``, a checkout of this repository."""
    command = [sys.executable, "-P", str(FOLDER / "local_side.py"), str(folder)]
    return Side(command, environment={"PYTHONPATH": str(tree)})


def vllm_side(folder: Path, python: str, options: Mapping[str, Any]) -> Side:
    """vLLM, by an interpreter that has it; ``options`` are those of its engine."""
    environment = {
        "PYTHONPATH": "",
        "HF_HUB_OFFLINE": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        # In a container it may not choose its processors.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    }
    program = str(FOLDER / "vllm_side.py")
    command = [python, "-P", program, str(folder), json.dumps(options)]
    return Side(command, environment=environment)
