"""The version before the newest migration, which takes part as in a deploy: both on one schema."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

#: What no bot or worker runs.
_NOT_NEEDED = (":(exclude)docs", ":(exclude)tests")

_TELL_SENTENCES = """
import dataclasses, json
from bot.text.catalog import TEXTS
print(json.dumps(dataclasses.asdict(TEXTS["ko"])))
"""


def version_before(root: Path, folder: Path) -> str:
    """Extract that version's code to ``folder``; its commit, or "" where git does not have it."""
    newest = max(path.name for path in (root / "migrations/versions").glob("[0-9]*.py"))
    try:
        commit = _git(root, "rev-parse", f"{_added_by(root, newest[:4])}^")
        code = _output(root, "archive", commit, "--", ".", *_NOT_NEEDED)
    except (OSError, subprocess.CalledProcessError):
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", folder], input=code, check=True)
    return commit


def sentences_of(checkout: Path) -> dict[str, Any]:
    """The Korean sentences of the bot in a checkout, by name. Raises CalledProcessError."""
    told = subprocess.run(
        [sys.executable, "-c", _TELL_SENTENCES], cwd=checkout, capture_output=True, check=True
    )
    sentences: dict[str, Any] = json.loads(told.stdout)
    return sentences


def knows_rooms(code: Path) -> bool:
    """Whether a version's guarantee covers Slack's threads and direct messages: its chaos does."""
    return (code / "chaos/rooms.py").is_file()


def knows_photos(code: Path) -> bool:
    """Whether a version's workers leave pictures to those that see them: its chaos sends photos."""
    return (code / "chaos/photos.py").is_file()


def _added_by(root: Path, number: str) -> str:
    """The commit that added the migration with this number; a renamed file has the same number.

    A merge counts as one step: inside its branch the other migrations may be missing.
    """
    added = ("--first-parent", "--diff-filter=A", "--reverse", "--format=%H")
    commits = _git(root, "log", *added, "--", f"migrations/versions/{number}_*").split()
    return commits[0] if commits else ""


def _git(root: Path, *arguments: str) -> str:
    return _output(root, *arguments).decode().strip()


def _output(root: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True).stdout
