"""The local engine as a side of ``make bench ARGS=vllm``, of the tree that PYTHONPATH names.

Started as a program: ``python -P local_side.py FOLDER``. It uses what trees before it had, too.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference_queue.protocol import Failure, SamplingParams
from inference_worker.engines.local.kv_budget import prefill_chunk
from inference_worker.engines.local.request import Event, Finished, Request
from inference_worker.engines.local.scheduler import Scheduler

#: What it prints is the protocol: the libraries' own lines go to standard error.
REPLIES = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

MOST_AT_ONCE = 64


@dataclass(slots=True)
class _Answer:
    began: float
    first: float = 0.0
    ids: list[int] = field(default_factory=list)


def main() -> None:
    """Load the model, then answer each line of requests with a line of what came of them."""
    # As the product does: what torch starts in the thread that loads ends with it.
    made: list[Scheduler] = []
    loading = threading.Thread(target=lambda: made.append(_loaded(sys.argv[1])))
    loading.start()
    loading.join()
    [scheduler] = made
    _reply({"ready": True})
    for line in sys.stdin:
        work = json.loads(line)
        _reply(_answers(scheduler, work["requests"], work["at_once"]))
    scheduler.close()


def _loaded(folder: str) -> Scheduler:
    models: Any = AutoModelForCausalLM
    tokenizers: Any = AutoTokenizer
    return Scheduler(
        models.from_pretrained(folder, dtype=torch.float32).eval(),
        tokenizers.from_pretrained(folder).backend_tokenizer,
        frozenset(),
        slots=MOST_AT_ONCE,
        budget=512 * MOST_AT_ONCE,
        prefill_chunk=prefill_chunk(torch.device("cpu")),
    )


def _answers(
    scheduler: Scheduler, requests: Sequence[dict[str, Any]], at_once: int
) -> dict[str, Any]:
    clock, cpu = time.monotonic(), time.process_time()
    free = threading.Semaphore(at_once)
    answers = []
    for request in requests:
        free.acquire()
        answer = _Answer(time.monotonic())
        answers.append(answer)
        _submit(scheduler, request, answer, free)
    for _ in range(at_once):
        free.acquire()
    return {
        "seconds": time.monotonic() - clock,
        "cpu_s": time.process_time() - cpu,
        "answers": [answer.ids for answer in answers],
        "first_ms": [(answer.first - answer.began) * 1000 for answer in answers],
    }


def _submit(
    scheduler: Scheduler, request: dict[str, Any], answer: _Answer, free: threading.Semaphore
) -> None:
    def publish(event: Event) -> None:
        answer.first = answer.first or time.monotonic()
        if isinstance(event, Failure):
            raise SystemExit(event.message)
        answer.ids.extend(event.ids)
        if isinstance(event, Finished):
            free.release()

    scheduler.submit(
        Request(
            prompt=request["prompt"],
            sampling=SamplingParams(temperature=0, repetition_penalty=1),
            max_new_tokens=request["tokens"],
            publish=publish,
            deadline=math.inf,
        )
    )


def _reply(message: dict[str, Any]) -> None:
    REPLIES.write(json.dumps(message) + "\n")
    REPLIES.flush()


if __name__ == "__main__":
    main()
