"""Which migrations may run before a deploy."""

from __future__ import annotations

import re
from pathlib import Path

SCRIPTS = Path(__file__).parents[4] / "migrations"


def test_expand_migrations_take_nothing_away() -> None:
    # How an index is stored is nobody's business but Postgres'.
    stored = r'op\.execute\("ALTER INDEX \w+ SET \([\w = ]+\)"\)\n'
    added = r'op\.execute\(\s*f?"""\s+CREATE (FUNCTION|TRIGGER) '
    # Nor what Postgres counts for its plans.
    counted = r'op\.execute\("(CREATE STATISTICS|ANALYZE) '
    allowed = f"{stored}|{added}|{counted}"
    takes_away = re.compile(rf"op\.(drop_|alter_|rename_)|(?!{allowed})op\.execute")
    for script in sorted(SCRIPTS.glob("versions/[0-9]*.py"))[1:]:
        mark = script.name.split("_")[1]
        assert mark in {"expand", "contract"}, script.name
        upgrade = script.read_text("utf-8").partition("def upgrade")[2].partition("def down")[0]
        assert mark == "contract" or not takes_away.search(upgrade), script.name
