"""The model card: everything that somebody asks who finds the adapter in a year."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from training.errors import TrainingError
from training.evaluation_table import read_evaluation
from training.licences import LLAMA3, UNKNOWN, Licence, licence_of
from training.model_card import model_card
from training.training_record import TrainingRecord, measures, read_record_of

BLLOSSOM = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
RECORD = TrainingRecord(
    name="Llama 3 상담",
    kind="dpo",
    base=BLLOSSOM,
    base_fingerprint="ab",
    licence=LLAMA3.key,
    duties=list(LLAMA3.duties),
    data="support",
    data_sha256="0123",
    data_card='---\npretty_name: "support"\n---\n\n# support v3\n\n## 개인정보\n\n지웠습니다.',
    counts={"items trained on": 812},
    hyperparameters={"learning_rate": 2e-05},
    system_prompt="친절하게 답하세요.",
    before={"reward accuracy": 0.0},
    after={"reward accuracy": 0.8712},
    commit="abc",
    trained_at="2026-11-26T00:00:00+00:00",
    versions={"trl": "1.16.0"},
)


def test_the_card_names_base_data_licence_measures_and_commit() -> None:
    card = model_card(RECORD)
    matter = yaml.safe_load(card.split("---")[1])
    assert matter == {
        "base_model": BLLOSSOM,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "language": ["ko"],
        "license": "llama3",
        "tags": ["lora", "trl", "dpo"],
    }
    assert "# Llama 3 상담\n" in card
    assert "| reward accuracy | 0.000 | 0.871 |" in card
    assert "Built with Meta Llama 3." in card
    for words in (
        "| items trained on | 812 |",
        "`0123`",
        "친절하게",
        "| commit | `abc` |",
        "2e-05",
    ):
        assert words in card


def test_the_data_s_card_stands_below_its_heading() -> None:
    card = model_card(RECORD)
    assert "## Data card\n\n### support v3\n\n#### 개인정보\n\n지웠습니다." in card
    assert "pretty_name" not in card


def test_an_evaluation_is_a_section(tmp_path: Path) -> None:
    rows = tmp_path / "compared.json"
    rows.write_text('[{"measure": "LogicKor", "before": 6.93, "after": 7.1}]')
    table = read_evaluation(rows)
    assert "## Evaluation\n\n| measure | before | after |" in model_card(RECORD, table)
    assert "| LogicKor | 6.93 | 7.1 |" in table
    written = tmp_path / "compared.md"
    written.write_text("better\n")
    assert read_evaluation(written) == "better"


def test_an_evaluation_of_another_form_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    with pytest.raises(TrainingError, match=r"is no list of"):
        read_evaluation(other)
    with pytest.raises(TrainingError, match=r"cannot be read"):
        read_evaluation(tmp_path / "missing.md")


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    assert asdict(read_record_of(tmp_path)) == asdict(RECORD)
    with pytest.raises(TrainingError, match=r"holds no training\.json"):
        read_record_of(tmp_path / "other")


def test_without_held_out_items_the_card_says_so() -> None:
    card = model_card(replace(RECORD, before={}, after={}))
    assert "There were no held-out items" in card


def test_of_a_trainer_s_measures_the_readable_ones_are_kept() -> None:
    assert measures({"eval_loss": 1.0, "eval_runtime": 3.0}) == {"loss": 1.0}


@pytest.mark.parametrize(
    ("name", "model_type", "vocabulary", "licence"),
    [
        (BLLOSSOM, "llama", 128_256, LLAMA3),
        ("models/ours", "llama", 145_792, LLAMA3),
        ("meta-llama/Meta-Llama-3-8B", "llama", 128_256, LLAMA3),
        ("SmolLM2-135M-Instruct", "llama", 49_152, Licence(key="apache-2.0")),
        ("models/ours", "qwen3", 151_936, UNKNOWN),
    ],
)
def test_the_licence_follows_from_the_base(
    name: str, model_type: str, vocabulary: int, licence: Licence, tmp_path: Path
) -> None:
    found = licence_of([name], tmp_path, model_type=model_type, vocabulary=vocabulary)
    assert found == licence


def test_a_base_that_names_its_licence_is_believed(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlanguage: ko\nlicense: mit\n---\n# x\n")
    assert licence_of(["x"], tmp_path, model_type="qwen3", vocabulary=9).key == "mit"
