"""The result of a run, as a table for people and as JSON lines for machines."""

from __future__ import annotations

from chaos.checker import CheckResult
from chaos.injections import InjectionKind
from chaos.plan import Plan
from chaos.run import Result

_MAX_OFFENDERS = 10


def table(plan: Plan, result: Result) -> str:
    """The table, with the offenders below it."""
    lines = [f"{name:<36}{value:>8}" for name, value in _rows(plan, result)]
    lines.append(f"{'injection':<36}{'times':>8}{'next answer after, s: median':>30}{'worst':>8}")
    for kind, times in result.recovery_s.items():
        ordered = sorted(times) or [0.0]
        median, worst = ordered[len(ordered) // 2], ordered[-1]
        lines.append(f"{kind.value:<36}{_count(result, kind):>8}{median:>30.1f}{worst:>8.1f}")
    lines += _offenders(result.check)
    lines += [f"{name}: {account}" for name, account in result.accounts.items()]
    return "\n".join(lines) + "\n"


def _rows(plan: Plan, result: Result) -> list[tuple[str, int]]:
    check = result.check
    return [
        ("seed", plan.seed),
        ("sent", check.sent),
        ("accepted", check.accepted),
        *((f"  {end}", count) for end, count in check.ends.most_common()),
        ("LOST", len(check.lost)),
        ("DUPLICATED", len(check.duplicated)),
        ("OUT OF ORDER", len(check.out_of_order)),
        ("TO THE WRONG PERSON", len(check.misdelivered)),
        ("LEFT UNFINISHED ON A SCREEN", len(check.orphaned)),
        ("SHOWN OTHERWISE THAN IN THE LOG", len(check.untrue)),
        ("CHANGED WHILE IT GREW", len(check.unsteady)),
        ("VOTES AND STOPS WITHOUT EFFECT", len(check.undone)),
        ("BACKGROUND JOBS LOST", len(check.unrun)),
        ("late", len(check.late)),
        *((f"rooms: {deed}", count) for deed, count in sorted(result.deeds.items())),
        *((f"platform: {fault}", count) for fault, count in sorted(result.faults.items())),
        ("unexpected exits of processes", result.unexpected_exits),
        ("longest pause of the driver, ms", round(result.longest_pause_s * 1000)),
        ("seconds in all", round(result.took_s)),
    ]


def _offenders(check: CheckResult) -> list[str]:
    kinds = {
        "lost": check.lost,
        "duplicated": check.duplicated,
        "disorder": check.out_of_order,
        "misdelivered": check.misdelivered,
        "unfinished": check.orphaned,
        "not in the log": check.untrue,
        "changed": check.unsteady,
        "without effect": check.undone,
        "background job": check.unrun,
    }
    return [
        f"{name}: {offender}"
        for name, found in kinds.items()
        for offender in found[:_MAX_OFFENDERS]
    ]


def measures(plan: Plan, result: Result) -> list[dict[str, object]]:
    """The JSON lines, one object each."""
    check = result.check
    counts = {
        "sent": check.sent,
        "accepted": check.accepted,
        "lost": len(check.lost),
        "duplicated": len(check.duplicated),
        "out_of_order": len(check.out_of_order),
        "misdelivered": len(check.misdelivered),
        "orphaned": len(check.orphaned),
        "untrue": len(check.untrue),
        "unsteady": len(check.unsteady),
        "undone": len(check.undone),
        "unrun": len(check.unrun),
        "late": len(check.late),
        **{f"end.{_key(end)}": count for end, count in check.ends.items()},
    }
    lines: list[dict[str, object]] = [
        {"bench": f"chaos.{name}", "value": value, "unit": "messages", "seed": plan.seed}
        for name, value in counts.items()
    ]
    lines += [
        {"bench": f"chaos.platform.{fault.replace(' ', '_')}", "value": count, "unit": "times"}
        for fault, count in sorted(result.faults.items())
    ]
    lines += [
        {"bench": f"chaos.rooms.{_key(deed)}", "value": count, "unit": "times"}
        for deed, count in sorted(result.deeds.items())
    ]
    pause_s = round(result.longest_pause_s, 2)
    lines.append({"bench": "chaos.driver.longest_pause", "value": pause_s, "unit": "s"})
    for kind in InjectionKind:
        lines += _injection_measures(result, kind)
    return lines


def _injection_measures(result: Result, kind: InjectionKind) -> list[dict[str, object]]:
    name, times = f"chaos.{kind.name.lower()}", sorted(result.recovery_s[kind])
    lines: list[dict[str, object]] = [
        {"bench": name, "value": _count(result, kind), "unit": "times"}
    ]
    if times:
        median = round(times[len(times) // 2], 2)
        worst = {"bench": f"{name}.recovery", "value": round(times[-1], 2), "unit": "s"}
        lines.append({**worst, "median": median})
    return lines


def _count(result: Result, kind: InjectionKind) -> int:
    return sum(injection.kind is kind for injection in result.injections)


def _key(end: str) -> str:
    return end.replace(",", "").replace(":", "").replace(" ", "_")
