"""The words after ``python -m training``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from inference_queue.presets import DEFAULT_PRESET
from training.errors import TrainingError
from training.evaluation_table import read_evaluation
from training.gguf import QUANTISATION
from training.hyperparameters import EPOCHS, LEARNING_RATES, Hyperparameters
from training.order import Order
from training.records import Kind

#: Not to be chosen by options.
_FIXED = ("dropout", "warmup")

EXAMPLES = """\
examples:
  python -m training sft --data answers.zip --output adapters/support-1
  python -m training dpo --data pairs.zip --output adapters/support-2 --four-bit
  python -m training merge --adapter adapters/support-2 --output models/support-2
  python -m training gguf --model models/support-2 --llama-cpp ~/llama.cpp
  python -m training card --adapter adapters/support-2 --evaluation evaluations/support-2

The same command goes on after an interruption. The guide: docs/training.md
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(
        prog="python -m training",
        description="Make LoRA weights of your own from the data sets of the dashboard.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = root.add_subparsers(dest="command", required=True)
    for kind, text in ((Kind.SFT, "learn from good answers"), (Kind.DPO, "learn from pairs")):
        _add_training(commands.add_parser(kind.value, help=text), kind)
    merge = commands.add_parser("merge", help="write a copy of the base with the adapter in it")
    merge.add_argument("--adapter", type=Path, required=True, help="a folder that sft or dpo made")
    _add_base(merge)
    _add_output(merge)
    gguf = commands.add_parser("gguf", help="print llama.cpp's commands for a merged model")
    gguf.add_argument("--model", type=Path, required=True, help="a folder that merge made")
    gguf.add_argument("--llama-cpp", type=Path, required=True, help="a built llama.cpp")
    gguf.add_argument("--quantisation", default=QUANTISATION, help="(%(default)s)")
    card = commands.add_parser("card", help="write the model card again, with an evaluation")
    card.add_argument("--adapter", type=Path, required=True, help="a folder that sft or dpo made")
    _add_evaluation(card)
    return root


def read_order(arguments: argparse.Namespace) -> Order:
    """The training that is asked for. Raises TrainingError."""
    kind = Kind(arguments.command)
    chosen = {name: getattr(arguments, name) for name in _parameter_names(kind)}
    system: str | None = "" if arguments.no_system else None
    if arguments.system:
        try:
            system = arguments.system.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise TrainingError(f"the system prompt cannot be read: {error}") from error
    return Order(
        kind=kind,
        base=arguments.base,
        data=arguments.data,
        output=arguments.output,
        parameters=replace(Hyperparameters.defaults(kind), **chosen),
        cache_dir=arguments.data_dir / "models",
        system=system,
        evaluation=read_evaluation(arguments.evaluation) if arguments.evaluation else "",
        drop_duplicates=arguments.drop_duplicates,
        restart=arguments.restart,
    )


def _add_training(command: argparse.ArgumentParser, kind: Kind) -> None:
    command.add_argument(
        "--data", type=Path, required=True, help="the exported ZIP, its folder, or one JSONL file"
    )
    _add_base(command)
    _add_output(command)
    _add_evaluation(command)
    prompt = command.add_mutually_exclusive_group()
    prompt.add_argument("--system", type=Path, help="a file with the bot's system prompt")
    prompt.add_argument("--no-system", action="store_true", help="instead of the preset's prompt")
    command.add_argument(
        "--drop-duplicates", action="store_true", help="train without what is also held out"
    )
    command.add_argument("--restart", action="store_true", help="do not go on after a kill")
    _add_parameters(command, kind)


def _add_parameters(command: argparse.ArgumentParser, kind: Kind) -> None:
    shown = Hyperparameters.defaults(kind)
    numbers: list[tuple[str, Callable[[str], float], float, str]] = [
        ("learning_rate", _positive, LEARNING_RATES[kind], ""),
        ("epochs", _positive, EPOCHS[kind], ""),
        ("batch_size", _count, shown.batch_size, "items at once"),
        ("accumulation", _count, shown.accumulation, "batches for each step"),
        ("window", _count, shown.window, "tokens of prompt and answer"),
        ("rank", _count, shown.rank, "of the LoRA weights"),
        ("alpha", _count, shown.alpha, "of the LoRA weights"),
        (
            "save_every",
            _count_or_none,
            shown.save_every,
            "steps between checkpoints; 0: ten in all",
        ),
        ("seed", int, shown.seed, ""),
    ]
    if kind is Kind.DPO:
        numbers.append(("beta", _positive, shown.beta, "how closely it stays at its base"))
    for name, read, default, text in numbers:
        option = f"--{name.replace('_', '-')}"
        command.add_argument(option, type=read, default=default, help=f"{text} (%(default)s)")
    command.add_argument(
        "--four-bit", action="store_true", help="QLoRA: for an 8B model on a GPU of 16 GiB"
    )
    if kind is Kind.SFT:
        command.add_argument("--packing", action="store_true", help="needs FlashAttention")
        command.add_argument(
            "--every-answer", action="store_true", help="learn the earlier answers as well"
        )


def _parameter_names(kind: Kind) -> list[str]:
    others = ("beta",) if kind is Kind.SFT else ("packing", "every_answer")
    return [one.name for one in fields(Hyperparameters) if one.name not in (*others, *_FIXED)]


def _add_base(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--base",
        default=DEFAULT_PRESET,
        help="a preset, a hub id or a directory, as WORKER_MODEL (%(default)s)",
    )
    command.add_argument(
        "--data-dir", type=Path, default=Path("data"), help="as WORKER_DATA_DIR (%(default)s)"
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output", type=Path, required=True, help="a folder that is not there yet"
    )


def _add_evaluation(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--evaluation",
        type=Path,
        help="the folder of `python -m evaluation compare`, Markdown, or JSON rows",
    )


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError("a whole number from 1 to 1,000,000 is needed")
    return number


def _count_or_none(text: str) -> int:
    return 0 if text.strip() == "0" else _count(text)


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1_000:
        raise argparse.ArgumentTypeError("a number above 0, and at most 1,000, is needed")
    return number
