"""``python -m training sft|dpo|merge|gguf|card``: make Bllossom yours."""

from __future__ import annotations

import argparse
import sys

from training.arguments import parser, read_order
from training.errors import TrainingError
from training.evaluation_table import read_evaluation
from training.gguf import gguf_commands
from training.order import Say
from training.process import prepare_process
from training.records import Kind


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit status is 1 where somebody has to change something."""
    arguments = parser().parse_args(words)
    prepare_process()
    try:
        _run(arguments, _say)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a program for people
        return 1
    except OSError as error:  # a path that cannot be read or written
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)  # noqa: T201
        return 130
    return 0


def _run(arguments: argparse.Namespace, say: Say) -> None:
    match arguments.command:
        case Kind.SFT | Kind.DPO:
            from training.run import train  # noqa: PLC0415

            train(read_order(arguments), say)
        case "merge":
            from training.merging import merge  # noqa: PLC0415 - torch

            merge(
                arguments.base, arguments.adapter, arguments.output,
                cache_dir=arguments.data_dir / "models", say=say,
            )  # fmt: skip
        case "gguf":
            say(
                "\n".join(
                    gguf_commands(arguments.model, arguments.llama_cpp, arguments.quantisation)
                )
            )
        case "card":
            _write_card(arguments, say)


def _write_card(arguments: argparse.Namespace, say: Say) -> None:
    from training.model_card import model_card  # noqa: PLC0415
    from training.training_record import read_record_of  # noqa: PLC0415

    record = read_record_of(arguments.adapter)
    evaluation = read_evaluation(arguments.evaluation) if arguments.evaluation else ""
    card = arguments.adapter / "README.md"
    part = card.with_name(f"{card.name}.part")
    part.write_text(model_card(record, evaluation), "utf-8")
    part.rename(card)
    say(f"written: {card}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a program for people


if __name__ == "__main__":
    sys.exit(main())
