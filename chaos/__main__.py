"""``python -m chaos``: exit status 1 where a guarantee was broken, 2 where the driver failed."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from chaos.cluster import ROOT
from chaos.injections import InjectionKind
from chaos.plan import Plan
from chaos.report import measures, table
from chaos.run import Result, Say, run
from chaos.versions import version_before
from onebox.data_dir import CannotStart


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=9.0, help="of sending; draining follows")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two injections")
    parser.add_argument("--merge", type=float, default=0.0, help="BOT_MERGE_WINDOW_S, and bursts")
    kinds = [kind.name.lower() for kind in InjectionKind]
    parser.add_argument(
        "--only", nargs="+", choices=kinds, default=kinds, metavar="KIND", help=", ".join(kinds)
    )
    versions = parser.add_mutually_exclusive_group()
    versions.add_argument(
        "--previous-version",
        "--beside",
        metavar="CHECKOUT",
        type=Path,
        help="a checkout that a bot and a worker run; by default the version before the newest "
        "migration, where git has it",
    )
    versions.add_argument("--alone", action="store_true", help="no other version takes part")
    parser.add_argument("--json", action="store_true", help="JSON lines only on standard output")
    parser.add_argument("--keep", type=Path, help="a folder for the servers' files and logs")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Do one run and print its result."""
    options = parse_arguments(argv)
    # Standard output is for the result alone.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    say = _timed_say()
    with _folder(options.keep) as folder:
        plan = _plan(options, folder, say)
        try:
            result = asyncio.run(_until_sigterm(plan, folder, say))
        except (CannotStart, TimeoutError, ExceptionGroup) as problem:
            say(f"the driver failed: {type(problem).__name__}: {problem}")
            return 2
        except (KeyboardInterrupt, asyncio.CancelledError):
            say("stopped")
            return 2
    print_for_people = sys.stderr.write if options.json else sys.stdout.write
    print_for_people(table(plan, result))
    for line in measures(plan, result):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0 if result.check.holds else 1


def _timed_say() -> Say:
    began = time.monotonic()

    def say(sentence: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:6.1f} s] {sentence}\n")
        sys.stderr.flush()

    return say


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder of the servers' files, removed at the end unless it is to be kept."""
    folder = keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        yield folder
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _plan(options: argparse.Namespace, folder: Path, say: Say) -> Plan:
    previous, version = options.previous_version, str(options.previous_version)
    if not previous:
        previous = folder / "before"
        version = "" if options.alone else version_before(ROOT, previous)
    say(f"a bot and a worker run the version {version}" if version else "one version alone")
    return Plan(
        seed=options.seed,
        messages=options.messages,
        seconds=options.minutes * 60,
        every_s=options.every,
        merge_s=options.merge,
        previous_version=previous if version else None,
        kinds=tuple(InjectionKind[name.upper()] for name in options.only),
    )


async def _until_sigterm(plan: Plan, folder: Path, say: Say) -> Result:
    running = asyncio.ensure_future(run(plan, folder, say))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


if __name__ == "__main__":
    sys.exit(main())
