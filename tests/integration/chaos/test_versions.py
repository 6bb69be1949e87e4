"""The version before the newest migration, out of git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.text.catalog import TEXTS
from chaos.versions import sentences_of, version_before
from inference_queue.protocol import Completion, FinishReason
from inference_queue.wire import dump_remarks, dump_result, load_result

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


READ_RESULT = """
import json, sys
from inference_queue.wire import load_result
body, remarks = json.load(sys.stdin)
print(load_result(body, remarks).text)
"""
WRITE_RESULT = """
import json
from inference_queue.protocol import Completion, FinishReason
from inference_queue.wire import dump_remarks, dump_result
done = Completion(
    text="답", finish_reason=FinishReason.STOP, model="m", prompt_tokens=1, completion_tokens=2,
    total_ms=3.0,
)
print(json.dumps([dump_result(done), dump_remarks(done)]))
"""


def test_both_versions_read_the_results_of_each_others_workers(tmp_path: Path) -> None:
    if not version_before(ROOT, tmp_path):
        pytest.skip("this checkout has no git history: chaos runs one version alone")
    costed = Completion(
        text="답",
        finish_reason=FinishReason.STOP,
        model="m",
        prompt_tokens=1,
        completion_tokens=2,
        total_ms=3.0,
        cpu_ms=1.5,
        busy_ms=2.5,
    )
    written = json.dumps([dump_result(costed), dump_remarks(costed)])
    assert _run(tmp_path, READ_RESULT, written).strip() == "답"
    read = load_result(*json.loads(_run(tmp_path, WRITE_RESULT, "")))
    assert isinstance(read, Completion)
    assert (read.text, read.total_ms, read.cpu_ms) == ("답", 3.0, None)


def test_the_version_before_has_all_that_its_programs_import(tmp_path: Path) -> None:
    if not version_before(ROOT, tmp_path):
        pytest.skip("this checkout has no git history: chaos runs one version alone")
    programs = "import bot.app, chaos.__main__, inference_worker.worker\nprint(bot.app.__file__)"
    assert Path(_run(tmp_path, programs, "").strip()) == tmp_path / "bot/app.py"


def _run(checkout: Path, code: str, given: str) -> str:
    """What the code prints in a checkout, whose packages it imports."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "PYTHONIOENCODING": "utf-8"},
        input=given,
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    return run.stdout
