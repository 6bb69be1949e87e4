"""A folder in a ZIP: whole lines, in the order in which they came."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

from bot.admin.exports.json_rows import json_lines
from bot.admin.exports.zip_format import make_zip


async def test_lines_stand_in_their_files_whatever_the_parts(tmp_path: Path) -> None:
    rows = [
        ("README.md", "# 첫 줄\n둘째"),
        ("a.jsonl", '{"글": "줄\u2028바꿈"}'),
        ("a.jsonl", "{}"),
    ]

    async def parts() -> AsyncIterator[bytes]:
        yield json_lines(rows[:2])
        yield json_lines(rows[2:])

    await make_zip(parts(), tmp_path / "file")
    with zipfile.ZipFile(tmp_path / "file") as packed:
        assert packed.namelist() == ["README.md", "a.jsonl"]
        assert packed.read("README.md").decode() == "# 첫 줄\n둘째\n"
        assert packed.read("a.jsonl").decode() == '{"글": "줄\u2028바꿈"}\n{}\n'


async def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield json_lines([("a", "1")])

    for name in ("one", "two"):
        await make_zip(parts(), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
