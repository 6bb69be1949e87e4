"""The version before the newest migration, to take part as in a deploy: both on one schema."""

from __future__ import annotations

import subprocess
from pathlib import Path

CODE = ("bot", "inference_worker", "migrations")


def version_before(root: Path, folder: Path) -> str:
    """Lay that version's code into ``folder``; its commit, or "" where git does not have it."""
    newest = max((root / "migrations/versions").glob("[0-9]*.py"))
    try:
        log = ("log", "--diff-filter=A", "-1", "--format=%H", "--", str(newest))
        commit = _git(root, "rev-parse", f"{_git(root, *log).decode().strip()}^").decode().strip()
        code = _git(root, "archive", commit, *CODE)
    except (OSError, subprocess.CalledProcessError):
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-x", "-C", folder], input=code, check=True)
    return commit


def _git(root: Path, *words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, check=True).stdout
