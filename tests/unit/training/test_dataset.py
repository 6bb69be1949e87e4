"""A whole data set: its splits, and what makes it useless for training."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.support.training import (
    dpo_row,
    dpo_rows,
    sft_row,
    sft_rows,
    write_folder,
    write_rows,
)
from training.dataset import read_dataset
from training.errors import TrainingError
from training.records import Kind


def test_a_folder_of_the_dashboard_is_read_with_its_card(tmp_path: Path) -> None:
    write_folder(tmp_path / "set", train=sft_rows(range(8)), validation=sft_rows(range(8, 10)))
    (tmp_path / "set/README.md").write_text("# 상담 v3\n", "utf-8")
    dataset = read_dataset(tmp_path / "set", Kind.SFT)
    assert (len(dataset.train), len(dataset.held_out)) == (8, 2)
    assert dataset.held_out_name == "validation"
    assert (dataset.name, dataset.card) == ("set", "# 상담 v3\n")


def test_the_exported_zip_is_the_same_data_set(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", train=dpo_rows(range(4)), test=dpo_rows(range(4, 6)))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    unpacked = read_dataset(folder, Kind.DPO)
    assert read_dataset(tmp_path / "set.zip", Kind.DPO) == unpacked
    assert unpacked.held_out_name == "test"


def test_of_one_file_a_tenth_is_held_out_and_equal_prompts_stay_together(tmp_path: Path) -> None:
    rows = [sft_row(f"질문 {number % 300}", f"답 {number}") for number in range(900)]
    dataset = read_dataset(write_rows(tmp_path / "all.jsonl", rows), Kind.SFT)
    assert len(dataset.train) + len(dataset.held_out) == 900
    assert 45 < len(dataset.held_out) < 150
    assert not {r.prompt for r in dataset.train} & {r.prompt for r in dataset.held_out}


def test_a_line_separator_in_a_text_ends_no_line(tmp_path: Path) -> None:
    rows = [*sft_rows(range(3)), sft_row("가\u2028나\x85다", "라")]
    assert len(read_dataset(write_folder(tmp_path, train=rows, test=[]), Kind.SFT).train) == 4


def test_an_item_on_both_sides_is_told_and_can_be_left_out(tmp_path: Path) -> None:
    rows = sft_rows(range(6))
    # The same words in other blanks.
    leaked = sft_row("질문  0", "답변 0이에요", name="other")
    write_folder(tmp_path, train=rows, validation=[leaked, *sft_rows(range(8, 9))])
    with pytest.raises(TrainingError, match=r"1 items of train stand in validation.*--drop-dupl"):
        read_dataset(tmp_path, Kind.SFT)
    dataset = read_dataset(tmp_path, Kind.SFT, drop_duplicates=True)
    assert (len(dataset.train), len(dataset.held_out), dataset.dropped) == (5, 2, 1)


def test_data_without_items_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, train=[])
    with pytest.raises(TrainingError, match=r"no items to train on: judge or correct answers"):
        read_dataset(tmp_path, Kind.SFT)


def test_only_duplicates_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, train=sft_rows(range(2)), test=sft_rows(range(2)))
    with pytest.raises(TrainingError, match=r"every item of train stands in test"):
        read_dataset(tmp_path, Kind.SFT, drop_duplicates=True)


def test_pairs_of_equal_answers_are_refused(tmp_path: Path) -> None:
    rows = [*dpo_rows(range(3)), dpo_row("q", "같아요", "같아요")]
    write_folder(tmp_path, train=rows, test=[])
    with pytest.raises(TrainingError, match=r"1 of 4 pairs have the same answer twice .*dpo-q"):
        read_dataset(tmp_path, Kind.DPO)


def test_one_answer_to_everything_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, train=[sft_row(f"{n}?", "네") for n in range(4)], test=[])
    with pytest.raises(TrainingError, match=r"all 4 items have the same good answer"):
        read_dataset(tmp_path, Kind.SFT)


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"there is no data set at .*missing"):
        read_dataset(tmp_path / "missing", Kind.SFT)
    with pytest.raises(TrainingError, match=r"holds no train\.jsonl"):
        read_dataset(tmp_path, Kind.SFT)
    (tmp_path / "long.jsonl").write_bytes(b'{"a": "' + b"x" * (5 << 20))
    with pytest.raises(TrainingError, match=r"line 1 is longer than 4 MiB"):
        read_dataset(tmp_path / "long.jsonl", Kind.SFT)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as packed:
        packed.writestr("notes.txt", "")
    with pytest.raises(TrainingError, match=r"holds no train\.jsonl: export"):
        read_dataset(tmp_path / "other.zip", Kind.SFT)


def test_a_damaged_zip_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("train.jsonl", "x" * 5_000)
    data = bytearray(path.read_bytes())
    data[45:55] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(TrainingError, match=r"train\.jsonl cannot be unpacked .*: export"):
        read_dataset(path, Kind.SFT)


def test_the_checksum_changes_with_the_words(tmp_path: Path) -> None:
    sums = {
        read_dataset(write_folder(tmp_path / str(n), train=sft_rows(range(n)), test=[]), Kind.SFT)
        .checksum
        for n in (2, 3)
    }  # fmt: skip
    assert len(sums) == 2
