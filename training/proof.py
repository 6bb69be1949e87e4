"""``python -m training.proof``: DPO on the packaged demo model moves what it was made to move.

On a CPU, below 8 GiB: 200 generated pairs, measured on 40 others by the reward accuracy, and by the
answers that the worker's own engine writes before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from inference_queue.presets import DEMO_PRESET, PRESETS
from inference_queue.protocol import Completion, Job, Message, Role, SamplingParams
from inference_worker.engines.local.engine import LocalEngine
from training.errors import TrainingError
from training.hyperparameters import Hyperparameters
from training.order import Order
from training.process import prepare_process
from training.proof_data import follows_rule, write_pairs
from training.records import Kind
from training.run import train

#: What the proof has to show.
MIN_REWARD_ACCURACY = 0.8
MIN_RISE = 0.5  #: of the rule's share in the answers
#: The rule shows in an answer's first words.
_ANSWER = SamplingParams(temperature=0.0, max_new_tokens=8)
_SLOTS = 8
_PARAMETERS = replace(
    Hyperparameters.defaults(Kind.DPO),
    learning_rate=5e-4,
    epochs=1.0,
    batch_size=4,
    accumulation=2,
    window=256,
)


def main() -> int:
    """Print both measurements before and after; the exit status is 1 where they show too little."""
    arguments = _parser().parse_args()
    prepare_process()
    with tempfile.TemporaryDirectory() as beside:
        place = arguments.keep or Path(beside)
        try:
            return prove(place, arguments.data_dir / "models")
        except TrainingError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1


def prove(place: Path, cache_dir: Path) -> int:
    """Train in ``place``, and compare. Raises TrainingError."""
    started = time.monotonic()
    questions = write_pairs(place / "pairs")
    before = asyncio.run(rule_share(questions, cache_dir))
    _say(f"before: {before:.1%} of the answers begin as the pairs prefer")
    adapter = place / "proof"
    order = Order(
        kind=Kind.DPO, base=DEMO_PRESET, data=place / "pairs", output=adapter,
        parameters=_PARAMETERS, cache_dir=cache_dir,
    )  # fmt: skip
    record = train(order, _say)
    after = asyncio.run(rule_share(questions, cache_dir, adapter=str(adapter)))
    accuracy = record.after["reward accuracy"]
    _say("| measured on 40 held-out questions | before | after |\n|---|---|---|")
    _say(f"| reward accuracy | {record.before['reward accuracy']:.1%} | {accuracy:.1%} |")
    _say(f"| answers of the preferred form | {before:.1%} | {after:.1%} |")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    _say("The reward accuracy begins at 0: the reward is what differs from the base.")
    _say(f"{time.monotonic() - started:.0f} s, {memory:.1f} GiB at most")
    return int(accuracy < MIN_REWARD_ACCURACY or after - before < MIN_RISE)


async def rule_share(questions: Sequence[str], cache_dir: Path, *, adapter: str = "") -> float:
    """The share of the worker's answers to the questions that follow the rule."""
    engine = LocalEngine(
        DEMO_PRESET, slots=_SLOTS, cache_dir=cache_dir, device="cpu", adapter=adapter
    )  # fmt: skip
    await engine.start(lambda _step: None)
    try:
        answers: list[str] = []
        for at in range(0, len(questions), _SLOTS):
            together = questions[at : at + _SLOTS]
            answers += await asyncio.gather(*(_answer(engine, question) for question in together))
    finally:
        await engine.close()
    return sum(map(follows_rule, answers)) / len(answers)


async def _answer(engine: LocalEngine, question: str) -> str:
    system = PRESETS[DEMO_PRESET].system_prompt
    messages = (Message(Role.SYSTEM, system), Message(Role.USER, question))
    job = Job(id=uuid4(), messages=messages, sampling=_ANSWER)
    async for part in engine.generate(job):
        if isinstance(part, Completion):
            return part.text
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.proof", description=__doc__)
    parser.add_argument("--keep", type=Path, help="a folder for the pairs and the adapter")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="as WORKER_DATA_DIR")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for people


if __name__ == "__main__":
    sys.exit(main())
