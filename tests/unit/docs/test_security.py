"""docs/security.md is true of the tests, and what can be read off the code itself."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from bot.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")

# --- secrets are compared in constant time -----------------------------------

SECRET_WORD = re.compile("secret|signature|password|token|csrf|digest", re.IGNORECASE)
#: Compared with a constant of the program, or known to whoever sent it, or encrypted in SQL.
NOT_SECRET = {"self._hash == self._setting", "users.c.totp_secret == secret"}


def test_no_secret_is_compared_with_an_ordinary_equals() -> None:
    compared, safe = [], 0
    for path in sorted((ROOT / "bot").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        safe += ast.unparse(tree).count("compare_digest(")
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                if any(isinstance(side, ast.Constant) for side in sides):
                    continue
                text = ast.unparse(node)
                if SECRET_WORD.search(text) and text not in NOT_SECRET:
                    compared.append(f"{path.name}: {text}")
    assert not compared
    assert safe >= 4


# --- the page ----------------------------------------------------------------


def test_every_threat_names_a_test_that_exists() -> None:
    rows = re.findall(r"^\| \d+ \|.*$", PAGE, re.MULTILINE)
    assert len(rows) > 25
    for row in rows:
        assert "::test_" in row, row
    for file, name in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE):
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"


def test_the_numbers_of_the_threats_are_in_order() -> None:
    numbers = [int(n) for n in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_bot_listens_on_this_machine_alone_unless_told_otherwise() -> None:
    assert Settings.model_fields["host"].default == "127.0.0.1"
