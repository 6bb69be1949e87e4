"""What `python -m evaluation` writes becomes the card's table of before and after."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.evaluations import changed, comparison, logickor
from tests.unit.training.test_model_card import RECORD
from training.__main__ import main
from training.errors import TrainingError
from training.evaluation_table import read_evaluation


def written(folder: Path, report: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_bytes(report)
    return folder


@pytest.mark.parametrize("name", ["", "report.json"])
def test_a_comparison_is_read_from_its_folder_or_its_file(tmp_path: Path, name: str) -> None:
    section = read_evaluation(written(tmp_path, comparison()) / name)
    assert section.startswith("**Better**, by `python -m evaluation`: 12 questions of ")
    assert "judged by 심사 모델." in section
    assert "| measure | before | after |" in section
    assert "| model | 옛 모델 | 새 모델 |" in section
    assert "| answers | 12 | 12 |" in section
    assert "| Hangul among the letters | 100% | 100% |" in section


def test_the_differences_stand_with_their_intervals_and_verdicts(tmp_path: Path) -> None:
    report = json.loads(comparison(better=False))
    judged = next(one["overall"] for one in report["measures"] if one["name"] == "judge")
    section = read_evaluation(written(tmp_path, json.dumps(report).encode()))
    assert section.startswith("**Worse**")
    interval = f"{judged['low']:+.2f} to {judged['high']:+.2f}"
    row = f"| {judged['mean']:+.2f} | {interval} | {judged['pairs']} | worse |"
    assert f"| judged side by side (1 to 10) {row}" in section


def test_what_could_not_be_measured_is_said(tmp_path: Path) -> None:
    report = changed(comparison(), verdict=None, judge=None)
    section = read_evaluation(written(tmp_path, report))
    assert section.startswith("**Not measured**")
    assert "without a judge." in section


def test_engines_are_named_with_their_adapter(tmp_path: Path) -> None:
    report = json.loads(comparison())
    report["candidate"]["used"] = {"model": "bllossom-8b", "adapter": "support-1"}
    section = read_evaluation(written(tmp_path, json.dumps(report).encode()))
    assert "| model | 옛 모델 | bllossom-8b + support-1 |" in section


def test_engines_of_one_name_are_not_told_apart_by_it(tmp_path: Path) -> None:
    report = json.loads(comparison())
    for side in ("baseline", "candidate"):
        report[side]["used"] = {"model": "bllossom-8b", "adapter": ""}
    section = read_evaluation(written(tmp_path, json.dumps(report).encode()))
    assert "| model |" not in section


def test_names_of_the_command_stand_above_the_models(tmp_path: Path) -> None:
    report = json.loads(comparison())
    report["candidate"]["name"] = "support-1"
    section = read_evaluation(written(tmp_path, json.dumps(report).encode()))
    assert "| name | – | support-1 |\n| model | 옛 모델 | 새 모델 |" in section
    del report["baseline"]["name"], report["candidate"]["name"]
    before_names = read_evaluation(written(tmp_path, json.dumps(report).encode()))
    assert "| name |" not in before_names


def test_answers_of_one_model_are_no_before_and_after(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"shows one model alone.*evaluation compare"):
        read_evaluation(written(tmp_path, logickor()))


@pytest.mark.parametrize("wrong", [{"format": 2}, {"baseline": {}}, {"asked": None}])
def test_a_report_of_another_version_is_a_sentence(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(TrainingError, match="is no report of this version"):
        read_evaluation(written(tmp_path, changed(comparison(), **wrong)))


def test_a_folder_without_a_report_and_half_a_report_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_evaluation(tmp_path)
    with pytest.raises(TrainingError, match="is not JSON"):
        read_evaluation(written(tmp_path, comparison()[:100]))


def test_the_command_puts_it_into_the_card(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    RECORD.write(adapter)
    words = ["card", "--adapter", str(adapter), "--evaluation"]
    assert main([*words, str(written(tmp_path / "run", comparison()))]) == 0
    card = (adapter / "README.md").read_text("utf-8")
    assert "## Evaluation\n\n**Better**, by `python -m evaluation`" in card
