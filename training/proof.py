"""``python -m training.proof``: DPO on the packaged demo model moves what it was made to move.

On a CPU, below 8 GiB: 200 generated pairs, measured on 40 others by the reward accuracy, and by
``python -m evaluation``, which counts the answers that follow the rule before and after.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from inference_queue.presets import DEMO_PRESET
from training.errors import TrainingError
from training.hyperparameters import Hyperparameters
from training.order import Order
from training.process import prepare_process
from training.proof_data import write_pairs, write_questions
from training.records import Kind
from training.run import train

#: What the proof has to show.
MIN_REWARD_ACCURACY = 0.8
MIN_RISE = 0.5  #: of the rule's share in the answers
#: The rule shows in an answer's first words.
_ANSWERS = ("--greedy", "--max-new-tokens", "8", "--at-once", "8")
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
            return prove(place, arguments.data_dir)
        except TrainingError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1


def prove(place: Path, data_dir: Path) -> int:
    """Train in ``place``, and compare. Raises TrainingError."""
    started = time.monotonic()
    write_pairs(place / "pairs")
    write_questions(place / "questions.jsonl")
    before = rule_share(place, "before", DEMO_PRESET, data_dir)
    adapter = place / "proof"
    order = Order(
        kind=Kind.DPO, base=DEMO_PRESET, data=place / "pairs", output=adapter,
        parameters=_PARAMETERS, cache_dir=data_dir / "models",
    )  # fmt: skip
    record = train(order, _say)
    after = rule_share(place, "after", f"{DEMO_PRESET}+{adapter}", data_dir)
    accuracy = record.after["reward accuracy"]
    _say("| measured on 40 held-out questions | before | after |\n|---|---|---|")
    _say(f"| reward accuracy | {record.before['reward accuracy']:.1%} | {accuracy:.1%} |")
    _say(f"| answers that follow the rule, by `evaluation` | {before:.1%} | {after:.1%} |")
    _say("The reward accuracy begins at 0: the reward is what differs from the base.")
    _say(f"{time.monotonic() - started:.0f} s, {_gib():.1f} GiB at most")
    return int(accuracy < MIN_REWARD_ACCURACY or after - before < MIN_RISE)


def rule_share(place: Path, name: str, engine: str, data_dir: Path) -> float:
    """The share of the engine's answers that ``python -m evaluation`` finds right.

    The run stays in ``place / name``. Raises TrainingError.
    """
    words = ["answer", "--questions", str(place / "questions.jsonl"), "--engine", engine]
    words += ["--run", str(place / name), "--data-dir", str(data_dir), *_ANSWERS]
    _say(f"$ python -m evaluation {' '.join(words)}")
    ended = subprocess.run(  # noqa: S603 - this project's own program
        [sys.executable, "-m", "evaluation", *words], check=False, stdout=subprocess.DEVNULL
    )
    if ended.returncode:
        raise TrainingError(f"the evaluation of {engine} ended with status {ended.returncode}")
    report = json.loads((place / name / "report.json").read_text("utf-8"))
    return float(report["side"]["correct"])


def _gib() -> float:
    """Of this process and the largest of its evaluations together, as if at the same moment."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) / (1 << 20)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.proof", description=__doc__)
    parser.add_argument(
        "--keep", type=Path, help="a new folder for the pairs, the adapter and both runs"
    )
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="as WORKER_DATA_DIR")
    return parser


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for people


if __name__ == "__main__":
    sys.exit(main())
