"""Whole trainings with TRL: what the engine does with their adapters, and kills in the middle.

They need the extra `train`: `make train-tests`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from inference_worker.engines.local.engine import LocalEngine
from tests.support.models import demo_cache, llama3_tokenizer_dir, noise_llama_dir
from tests.support.served_jobs import a_job, answer
from tests.support.training import dpo_rows, need_trl, sft_rows, write_folder
from training.__main__ import main
from training.resuming import newest_whole

need_trl()

__all__ = ["demo_cache", "llama3_tokenizer_dir", "noise_llama_dir"]

# What other packages warn of is not ours.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
ROWS = {"sft": sft_rows, "dpo": dpo_rows}


def words(kind: str, base: Path, place: Path, *more: str) -> list[str]:
    """A command line of a training of six steps, its data beside."""
    folder = place / kind
    if not folder.exists():
        rows = ROWS[kind]
        write_folder(folder, train=rows(range(12)), validation=rows(range(12, 16)))
        (folder / "README.md").write_text("# 상담 v3\n", "utf-8")
    said = [kind, "--data", str(folder), "--base", str(base), "--no-system"]
    said += ["--learning-rate", "0.02", "--epochs", "1", "--batch-size", "2"]
    return [*said, "--accumulation", "1", "--save-every", "1", "--data-dir", str(place), *more]


def trained(kind: str, base: Path, place: Path, name: str = "adapter") -> Path:
    output = place / name
    assert main(words(kind, base, place, "--output", str(output))) == 0
    return output


@pytest.fixture(scope="module", params=["sft", "dpo"])
def adapter(
    request: pytest.FixtureRequest,
    noise_llama_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    place = tmp_path_factory.mktemp(request.param)
    return trained(request.param, noise_llama_dir, place)


def test_the_held_out_items_become_likelier(adapter: Path) -> None:
    record = json.loads((adapter / "training.json").read_text("utf-8"))
    assert record["after"]["loss"] < record["before"]["loss"]
    if record["kind"] == "dpo":
        assert record["before"]["reward accuracy"] == 0
        assert record["after"]["reward accuracy"] >= 0.75


def test_the_folder_holds_weights_record_and_card_alone(adapter: Path) -> None:
    names = {path.name for path in adapter.iterdir()}
    assert names == {
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "training.json",
    }
    card = (adapter / "README.md").read_text("utf-8")
    assert "## Data card\n\n### 상담 v3" in card
    assert "Built with Meta Llama 3" in card
    assert str(adapter.parent) not in card
    left = {path.name for path in adapter.parent.iterdir()}
    assert left == {adapter.name, json.loads((adapter / "training.json").read_text())["kind"]}


async def test_the_engine_answers_differently_with_the_adapter(
    adapter: Path, noise_llama_dir: Path, demo_cache: Path
) -> None:
    greedy = a_job("질문 3", temperature=0.0, max_new_tokens=8)
    texts = []
    for weights in ("", str(adapter)):
        engine = LocalEngine(
            str(noise_llama_dir), slots=2, cache_dir=demo_cache, device="cpu", adapter=weights
        )
        await engine.start(print)
        texts.append((await answer(engine, greedy))[1].text)
        await engine.close()
    assert texts[0] != texts[1]


@pytest.fixture
def killed(noise_llama_dir: Path, tmp_path: Path) -> list[str]:
    """The command line of a training that was killed behind its second checkpoint."""
    output = tmp_path / "adapter"
    said = words("sft", noise_llama_dir, tmp_path, "--output", str(output))
    process = subprocess.Popen(
        [sys.executable, "-m", "training", *said],
        cwd=ROOT, env=os.environ | {"PYTHONUNBUFFERED": "1"}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    whole = output.with_name("adapter.training") / "checkpoint-2" / "whole.json"
    until = time.monotonic() + 600
    while not whole.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert whole.exists()
    assert not output.exists()
    return said


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(
    killed: list[str], noise_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A kill in the middle of a checkpoint leaves one like this.
    half = tmp_path / "adapter.training" / "checkpoint-9"
    half.mkdir()
    (half / "adapter_model.safetensors").write_bytes(b"half")
    reached = newest_whole(tmp_path / "adapter.training")
    assert reached is not None
    assert main(killed) == 0
    assert f"going on at {reached.name}, after an interruption" in capsys.readouterr().out
    unbroken = trained("sft", noise_llama_dir, tmp_path, "unbroken")
    weights = [
        load_file(str(folder / "adapter_model.safetensors"))
        for folder in (tmp_path / "adapter", unbroken)
    ]
    assert weights[0].keys() == weights[1].keys()
    for name, one in weights[0].items():
        torch.testing.assert_close(one, weights[1][name], atol=1e-5, rtol=1e-4)


def test_a_disk_that_fills_while_training_is_a_sentence_and_the_same_command_goes_on(
    noise_llama_dir: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands for the disk: a checkpoint's weights do not fit."""
    output = tmp_path / "adapter"
    said = words("sft", noise_llama_dir, tmp_path, "--output", str(output))
    limited = (
        "import resource, sys; import training.learning; from training.__main__ import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16 << 10, resource.RLIM_INFINITY));"
        "sys.exit(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", limited, *said],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "error: the disk is full: nothing was left at" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not output.exists()
    assert main(said) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"adapter", "sft"}


def test_another_setting_does_not_go_on(
    killed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    at = killed.index("--epochs") + 1
    assert main([*killed[:at], "2", *killed[at + 1 :]]) == 1
    assert "unfinished training with another --epochs" in capsys.readouterr().err


def test_a_window_that_holds_no_item_is_a_sentence(
    noise_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = words("sft", noise_llama_dir, tmp_path, "--output", str(tmp_path / "out"))
    assert main([*said, "--window", "8"]) == 1
    assert "no item fits into the window of 8 tokens: raise --window" in capsys.readouterr().err


def test_packing_without_flash_attention_is_refused(
    noise_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    said = words("sft", noise_llama_dir, tmp_path, "--output", str(tmp_path / "out"))
    assert main([*said, "--packing"]) == 1
    assert "--packing needs FlashAttention" in capsys.readouterr().err


def test_every_answer_of_a_conversation_is_learnt_where_asked(
    noise_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(role: str, content: str) -> dict[str, Any]:
        return {"role": role, "content": content}

    def chat(number: int) -> list[dict[str, Any]]:
        first = [said("user", f"{number}?"), said("assistant", f"{number}!")]
        return [*first, said("user", "또"), said("assistant", f"예 {number}")]

    chats = [chat(number) for number in range(4)]
    write_folder(tmp_path / "sft", train=[{"messages": chat} for chat in chats])
    shared = words("sft", noise_llama_dir, tmp_path, "--output", str(tmp_path / "out"))
    assert main([*shared, "--every-answer"]) == 0
    record = json.loads((tmp_path / "out/training.json").read_text("utf-8"))
    held_out = 4 - record["counts"]["items trained on"] // 2
    assert record["counts"]["items trained on"] == 2 * (4 - held_out)
