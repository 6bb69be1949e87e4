"""``python -m chaos``: exit status 1 where the promise was broken, 2 where the driver failed."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from chaos.cluster import ROOT
from chaos.disasters import Disaster
from chaos.run import Plan, Result, Say, run
from chaos.versions import version_before
from onebox.data_dir import CannotStart

_OFFENDERS_SHOWN = 10


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=9.0, help="of sending; draining follows")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--every", type=float, default=6.0, help="seconds between two disasters")
    parser.add_argument("--merge", type=float, default=0.0, help="BOT_MERGE_WINDOW_S, and bursts")
    kinds = [kind.name.lower() for kind in Disaster]
    parser.add_argument(
        "--only", nargs="+", choices=kinds, default=kinds, metavar="KIND", help=", ".join(kinds)
    )
    versions = parser.add_mutually_exclusive_group()
    versions.add_argument(
        "--beside",
        type=Path,
        help="a checkout whose code a bot and a worker run; else the version before the newest "
        "migration, where git has it",
    )
    versions.add_argument("--alone", action="store_true", help="no other version takes part")
    parser.add_argument("--json", action="store_true", help="JSON lines only on standard output")
    parser.add_argument("--keep", type=Path, help="a folder for the servers' files and logs")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Run once and say what was seen."""
    options = arguments(words)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="chaos-"))
    beside, version = options.beside, str(options.beside)
    if not beside:
        beside = folder / "before"
        version = "" if options.alone else version_before(ROOT, beside)
    plan = Plan(
        seed=options.seed,
        messages=options.messages,
        seconds=options.minutes * 60,
        every_s=options.every,
        merge_s=options.merge,
        beside=beside if version else None,
        kinds=tuple(Disaster[name.upper()] for name in options.only),
    )
    began = time.monotonic()

    def say(sentence: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:6.1f} s] {sentence}\n")
        sys.stderr.flush()

    say(f"a bot and a worker run the version {version}" if version else "one version alone")
    try:
        result = asyncio.run(_until_told_to_stop(plan, folder, say))
    except (CannotStart, TimeoutError, ExceptionGroup) as problem:
        say(f"the driver failed: {type(problem).__name__}: {problem}")
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("stopped")
        return 2
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    show = sys.stderr.write if options.json else sys.stdout.write
    show(table(plan, result))
    for line in measures(plan, result):
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    return 0 if result.verdict.holds else 1


async def _until_told_to_stop(plan: Plan, folder: Path, say: Say) -> Result:
    running = asyncio.ensure_future(run(plan, folder, say))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


def table(plan: Plan, result: Result) -> str:
    """For people."""
    verdict = result.verdict
    rows = [
        ("seed", plan.seed),
        ("sent", verdict.sent),
        ("accepted", verdict.accepted),
        *((f"  {end}", count) for end, count in verdict.ends.most_common()),
        ("LOST", len(verdict.lost)),
        ("DUPLICATED", len(verdict.duplicated)),
        ("OUT OF ORDER", len(verdict.out_of_order)),
        ("TO THE WRONG PERSON", len(verdict.misdelivered)),
        ("late at Kakao", len(verdict.late)),
        *((f"platform: {fault}", count) for fault, count in sorted(result.faults.items())),
        ("processes that ended by themselves", result.fell_by_themselves),
        ("longest pause of the driver, ms", round(result.longest_pause_s * 1000)),
        ("seconds in all", round(result.took_s)),
    ]
    lines = [f"{name:<36}{value:>8}" for name, value in rows]
    lines.append(f"{'disaster':<36}{'times':>8}{'next answer after, s: median':>30}{'worst':>8}")
    for kind, times in result.recovery_s.items():
        count = sum(blow.kind is kind for blow in result.blows)
        ordered = sorted(times) or [0.0]
        middle, worst = ordered[len(ordered) // 2], ordered[-1]
        lines.append(f"{kind.value:<36}{count:>8}{middle:>30.1f}{worst:>8.1f}")
    offenders = verdict.lost, verdict.duplicated, verdict.out_of_order, verdict.misdelivered
    for name, found in zip(
        ("lost", "duplicated", "disorder", "misdelivered"), offenders, strict=True
    ):
        lines += [f"{name}: {offender}" for offender in found[:_OFFENDERS_SHOWN]]
    lines += [f"{name}: {account}" for name, account in result.accounts.items()]
    return "\n".join(lines) + "\n"


def measures(plan: Plan, result: Result) -> list[dict[str, object]]:
    """For machines: one object a line."""
    verdict = result.verdict
    counts = {
        "sent": verdict.sent,
        "accepted": verdict.accepted,
        "lost": len(verdict.lost),
        "duplicated": len(verdict.duplicated),
        "out_of_order": len(verdict.out_of_order),
        "misdelivered": len(verdict.misdelivered),
        "late": len(verdict.late),
        **{f"end.{_key(end)}": count for end, count in verdict.ends.items()},
    }
    lines: list[dict[str, object]] = [
        {"bench": f"chaos.{name}", "value": value, "unit": "messages", "seed": plan.seed}
        for name, value in counts.items()
    ]
    lines += [
        {"bench": f"chaos.platform.{fault.replace(' ', '_')}", "value": count, "unit": "times"}
        for fault, count in sorted(result.faults.items())
    ]
    pause_s = round(result.longest_pause_s, 2)
    lines.append({"bench": "chaos.driver.longest_pause", "value": pause_s, "unit": "s"})
    for kind in Disaster:
        name, times = kind.name.lower(), sorted(result.recovery_s[kind])
        count = sum(blow.kind is kind for blow in result.blows)
        lines.append({"bench": f"chaos.{name}", "value": count, "unit": "times"})
        if times:
            worst = {"bench": f"chaos.{name}.recovery", "value": round(times[-1], 2), "unit": "s"}
            lines.append({**worst, "median": round(times[len(times) // 2], 2)})
    return lines


def _key(words: str) -> str:
    return words.replace(",", "").replace(" ", "_")


if __name__ == "__main__":
    sys.exit(main())
