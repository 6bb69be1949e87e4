"""The version before the newest migration, out of git."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.text.catalog import TEXTS
from chaos.versions import sentences_of, version_before

ROOT = Path(__file__).parents[3]


def test_the_version_before_the_newest_migration_is_found_where_git_has_it(tmp_path: Path) -> None:
    if not version_before(ROOT, tmp_path):
        pytest.skip("this checkout has no git history: chaos runs one version alone")
    known = {script.name[:4] for script in (ROOT / "migrations/versions").glob("[0-9]*.py")}
    before = {script.name[:4] for script in (tmp_path / "migrations/versions").glob("[0-9]*.py")}
    # A merge may have brought several.
    assert max(known) in known - before
    assert min(known - before) > max(before)
    assert (tmp_path / "bot/app.py").is_file()


def test_without_git_there_is_no_other_version(tmp_path: Path) -> None:
    (tmp_path / "migrations/versions").mkdir(parents=True)
    (tmp_path / "migrations/versions/0001_words.py").touch()
    assert version_before(tmp_path, tmp_path / "before") == ""


def test_the_sentences_of_a_checkout_are_those_of_its_own_code(tmp_path: Path) -> None:
    catalog = tmp_path / "bot/text/catalog.py"
    catalog.parent.mkdir(parents=True)
    catalog.write_text(
        "from dataclasses import dataclass\n\n@dataclass\nclass Texts:\n    failed: str\n\n"
        "TEXTS = {'ko': Texts(failed='안 됐어요.')}\n"
    )
    assert sentences_of(tmp_path) == {"failed": "안 됐어요."}
    assert sentences_of(ROOT)["failed"] == TEXTS["ko"].failed
