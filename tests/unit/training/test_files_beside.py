"""Folders are whole or not there, and a disk without room is a sentence."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from training.errors import TrainingError
from training.files_beside import check_room, is_no_room, written_beside


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "adapter"
    with written_beside(folder) as part:
        (part / "weights").write_bytes(b"1")
        assert not folder.exists()
    assert [path.name for path in folder.iterdir()] == ["weights"]
    assert [path.name for path in folder.parent.iterdir()] == ["adapter"]


def test_what_is_half_written_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "adapter"

    def interrupted() -> None:
        with written_beside(folder) as part:
            (part / "weights").write_bytes(b"1")
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_not_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "adapter.part").mkdir()
    (tmp_path / "adapter.part/half").touch()
    with written_beside(tmp_path / "adapter"):
        pass
    assert not list((tmp_path / "adapter").iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"exists already"), written_beside(tmp_path):
        pass


def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match=r"the disk is full: nothing was left at .*adapter"),
        written_beside(tmp_path / "adapter"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"weights")
    assert not list(tmp_path.iterdir())


def test_the_disk_is_asked_first(tmp_path: Path) -> None:
    check_room(tmp_path / "a" / "b", 1)
    with pytest.raises(TrainingError, match=r"needs .* GiB, but .* has .* GiB left: free some"):
        check_room(tmp_path / "a" / "b", 1 << 60)


def test_what_libraries_say_of_a_full_disk_is_known() -> None:
    class SafetensorError(Exception):
        pass

    assert is_no_room(OSError(errno.ENOSPC, "No space left on device"))
    assert is_no_room(SafetensorError("I/O error: No space left on device (os error 28)"))
    assert is_no_room(RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos"))
    assert not is_no_room(SafetensorError("I/O error: Permission denied (os error 13)"))
    assert not is_no_room(OSError(errno.EACCES, "no"))
