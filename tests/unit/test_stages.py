"""A unit test can be run anywhere, at once: the stages are kept apart."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
#: Postgres and Valkey, models and their libraries, Chromium.
NOT_IN_UNIT_TESTS = (
    "playwright",
    "tests.acceptance",
    "tests.integration",
    "tests.support.browser",
    "tests.support.desk",
    "tests.support.models",
    "tests.support.servers",
    "torch",
    "transformers",
)


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def test_unit_tests_import_no_servers_models_or_browser() -> None:
    found = {
        f"{path.relative_to(TESTS)}: {name}"
        for path in (TESTS / "unit").rglob("*.py")
        for name in imported(path)
        if any(name == module or name.startswith(f"{module}.") for module in NOT_IN_UNIT_TESTS)
    }
    assert not found


def test_every_test_belongs_to_a_stage() -> None:
    stages = {path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py")}
    assert stages == {"unit", "integration", "acceptance"}


def test_ci_runs_every_test_that_is_skipped_without_packages_of_its_own() -> None:
    makefile = (TESTS.parent / "Makefile").read_text("utf-8")
    named = set(re.findall(r"test_\w+\.py", makefile))
    skips = re.compile(
        r"^\s*(need_trl\(\)|@needs\(\"|[\w ]+= pytest\.importorskip\()", re.MULTILINE
    )
    skipped = {
        path.name for path in TESTS.rglob("test_*.py") if skips.search(path.read_text("utf-8"))
    }
    assert skipped
    assert skipped <= named
    ci = (TESTS.parent / ".ci/run").read_text("utf-8")
    assert "for job in evaluate-tests train-tests; do" in ci
