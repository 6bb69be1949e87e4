"""The command line: options, llama.cpp's commands, and sentences instead of tracebacks."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.training import sft_rows, write_folder
from tests.unit.training.test_model_card import RECORD
from training.__main__ import main
from training.arguments import parser, read_order
from training.errors import TrainingError
from training.gguf import gguf_commands
from training.hyperparameters import Hyperparameters
from training.order import check_installed
from training.records import Kind


def test_options_are_the_hyperparameters(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("친절하게\n", "utf-8")
    words = ["dpo", "--data", "x.zip", "--output", "out", "--beta", "0.2", "--four-bit"]
    order = read_order(parser().parse_args([*words, "--system", str(prompt)]))
    assert (order.kind, order.base, order.system) == (Kind.DPO, "bllossom-8b", "친절하게")
    assert (order.parameters.beta, order.parameters.four_bit) == (0.2, True)
    assert order.parameters.learning_rate == 2e-5
    defaults = read_order(parser().parse_args(["sft", "--data", "x", "--output", "out"]))
    assert defaults.parameters == Hyperparameters.defaults(Kind.SFT)
    assert not defaults.parameters.packing
    assert defaults.system is None


def test_checkpoints_are_as_many_as_usual_where_none_are_counted() -> None:
    words = ["sft", "--data", "x", "--output", "out", "--save-every"]
    for number in (0, 40):
        order = read_order(parser().parse_args([*words, str(number)]))
        assert order.parameters.save_every == number


@pytest.mark.parametrize("words", [["--rank", "0"], ["--epochs", "-1"], ["--window", "x"]])
def test_impossible_numbers_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["sft", "--data", "x", "--output", "out", *words])


def test_bad_data_is_one_sentence_and_a_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "set", train=[])
    words = ["sft", "--data", str(tmp_path / "set"), "--output", str(tmp_path / "out")]
    assert main(words) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_there_is_never_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "set", train=sft_rows(range(4)))
    assert main(["sft", "--data", str(folder), "--output", str(folder)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_a_missing_package_is_named_with_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "trl" else object()
    )
    with pytest.raises(TrainingError, match=r"and trl is not installed: `make train` installs"):
        check_installed()


def test_llama_cpp_s_commands_name_the_right_paths(tmp_path: Path) -> None:
    merged, llama_cpp = tmp_path / "우리 모델", tmp_path / "llama.cpp"
    for file in (merged / "config.json", merged / "tokenizer.json"):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    llama_cpp.mkdir()
    (llama_cpp / "convert_hf_to_gguf.py").touch()
    _, convert, quantise, serve = map(shlex.split, gguf_commands(merged, llama_cpp))
    whole, small = f"{merged}-bf16.gguf", f"{merged}-Q4_K_M.gguf"
    script = str(llama_cpp / "convert_hf_to_gguf.py")
    assert convert == ["python", script, str(merged), "--outfile", whole, "--outtype", "bf16"]
    assert quantise == [str(llama_cpp / "build/bin/llama-quantize"), whole, small, "Q4_K_M"]
    assert serve[:3] == [str(llama_cpp / "build/bin/llama-server"), "-m", small]


def test_what_cannot_become_a_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").touch()
    with pytest.raises(TrainingError, match=r"no whole model .an adapter: `.* merge`"):
        gguf_commands(tmp_path, tmp_path)
    (tmp_path / "config.json").touch()
    with pytest.raises(TrainingError, match=r"no tokenizer\.json"):
        gguf_commands(tmp_path, tmp_path)
    (tmp_path / "tokenizer.json").touch()
    with pytest.raises(TrainingError, match=r"clone llama\.cpp"):
        gguf_commands(tmp_path, tmp_path)


def test_the_card_is_written_again_with_an_evaluation(tmp_path: Path) -> None:
    RECORD.write(tmp_path)
    evaluation = tmp_path / "compared.md"
    evaluation.write_text("| better | 61% |", "utf-8")
    assert main(["card", "--adapter", str(tmp_path), "--evaluation", str(evaluation)]) == 0
    assert "| better | 61% |" in (tmp_path / "README.md").read_text("utf-8")
