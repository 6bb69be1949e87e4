"""After a kill: only what is whole is gone on with, and only with the same settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.errors import TrainingError
from training.resuming import begin, exclusive, mark_whole, newest_whole

SETTINGS = {"base": "demo", "--epochs": 1.0}


def a_checkpoint(work: Path, step: int, *, whole: bool = True) -> Path:
    folder = work / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    if whole:
        mark_whole(folder)
    return folder


def test_the_newest_whole_checkpoint_is_gone_on_with(tmp_path: Path) -> None:
    a_checkpoint(tmp_path, 9)
    newest = a_checkpoint(tmp_path, 10)
    unfinished = a_checkpoint(tmp_path, 11, whole=False)
    assert newest_whole(tmp_path) == newest
    assert not unfinished.exists()


def test_a_checkpoint_that_lost_bytes_is_not_whole(tmp_path: Path) -> None:
    older, newer = a_checkpoint(tmp_path, 1), a_checkpoint(tmp_path, 2)
    (newer / "adapter_model.safetensors").write_bytes(b"wei")
    assert newest_whole(tmp_path) == older


def test_without_checkpoints_it_begins_anew(tmp_path: Path) -> None:
    assert newest_whole(tmp_path) is None


def test_what_was_measured_before_the_kill_is_kept(tmp_path: Path) -> None:
    work = tmp_path / "work"
    assert begin(work, SETTINGS, restart=False) == SETTINGS
    assert begin(work, SETTINGS, restart=False) == SETTINGS


def test_another_setting_is_refused_and_restart_forgets(tmp_path: Path) -> None:
    work = tmp_path / "work"
    begin(work, SETTINGS, restart=False)
    a_checkpoint(work, 1)
    other = {**SETTINGS, "--epochs": 2.0}
    with pytest.raises(TrainingError, match=r"unfinished training with another --epochs: .*--rest"):
        begin(work, other, restart=False)
    assert begin(work, other, restart=True) == other
    assert newest_whole(work) is None


def test_a_start_that_was_cut_is_none(tmp_path: Path) -> None:
    a_checkpoint(tmp_path, 1)
    (tmp_path / "started.json").write_text('{"base": "de')
    begin(tmp_path, SETTINGS, restart=False)
    assert newest_whole(tmp_path) is None


def test_only_one_process_trains_into_a_folder(tmp_path: Path) -> None:
    work = tmp_path / "new" / "work"

    def second() -> None:
        with exclusive(work):
            pass

    with exclusive(work), pytest.raises(TrainingError, match="another process trains into"):
        second()
    second()
    assert not list(work.parent.iterdir())
