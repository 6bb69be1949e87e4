"""A merged copy is whole or not there, and an adapter of another base is refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from inference_worker.engines.local.adapter_check import fingerprint
from tests.support.models import (
    demo_cache,
    demo_dir,
    korean_llama_dir,
    llama3_tokenizer_dir,
    noise_llama_dir,
)
from training.__main__ import main
from training.base_model import load_base
from training.errors import TrainingError
from training.gguf import gguf_commands
from training.merging import merge
from training.resuming import write_json

__all__ = [
    "demo_cache",
    "demo_dir",
    "korean_llama_dir",
    "llama3_tokenizer_dir",
    "noise_llama_dir",
]

PROMPT = torch.tensor([[128000, 9125, 882, 78191, 271]])
ROOT = Path(__file__).parents[3]


def loaded(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


@torch.inference_mode()
def scores(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(PROMPT).logits
    return logits


@pytest.fixture(scope="module")
def adapter(noise_llama_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA weights that change what the noise model says, as this package leaves them."""
    torch.manual_seed(7)
    base = loaded(noise_llama_dir)
    digest = fingerprint(base)
    config = LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(base, config).save_pretrained(str(folder))
    write_json(folder / "training.json", {"base_fingerprint": digest})
    (folder / "README.md").write_text("# card\n")
    return folder


def test_the_copy_says_what_base_and_adapter_say(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    merge(str(noise_llama_dir), adapter, tmp_path / "copy", cache_dir=tmp_path, say=print)
    expected = scores(PeftModel.from_pretrained(loaded(noise_llama_dir), str(adapter)).eval())
    torch.testing.assert_close(scores(loaded(tmp_path / "copy")), expected, atol=0.1, rtol=0.1)
    assert (scores(loaded(noise_llama_dir)) - expected).abs().max() > 0.2
    assert (tmp_path / "copy/README.md").read_text() == "# card\n"
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_model_is_known_in_every_number_format(
    demo_dir: Path, noise_llama_dir: Path, korean_llama_dir: Path
) -> None:
    formats = (torch.float32, torch.bfloat16, torch.float16)
    models: list[Any] = [
        AutoModelForCausalLM.from_pretrained(demo_dir, dtype=dtype) for dtype in formats
    ]
    assert len({fingerprint(model) for model in models}) == 1
    others = {fingerprint(loaded(folder)) for folder in (noise_llama_dir, korean_llama_dir)}
    assert len(others) == 2


def test_the_copy_has_all_that_llama_cpp_converts(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    merge(str(noise_llama_dir), adapter, tmp_path / "copy", cache_dir=tmp_path, say=print)
    (tmp_path / "convert_hf_to_gguf.py").touch()
    assert len(gguf_commands(tmp_path / "copy", tmp_path)) == 4


def test_adapter_of_a_model_with_the_same_shapes_is_refused(
    korean_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"trained on .*noise-llama-1.*weights differ from"):
        merge(str(korean_llama_dir), adapter, tmp_path / "copy", cache_dir=tmp_path, say=print)
    assert not list(tmp_path.iterdir())


def test_adapter_of_a_model_with_other_shapes_is_refused_without_a_record(
    demo_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (foreign / name).write_bytes((adapter / name).read_bytes())
    with pytest.raises(TrainingError, match=r"does not fit .* has 1536 in_features, not 128"):
        merge(str(demo_dir), foreign, tmp_path / "copy", cache_dir=tmp_path, say=print)


def test_a_damaged_adapter_is_a_sentence(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in adapter.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:100])
    with pytest.raises(TrainingError, match=r"cannot be read|is damaged"):
        merge(str(noise_llama_dir), broken, tmp_path / "copy", cache_dir=tmp_path, say=print)


def test_a_checkpoint_without_tokenizer_is_a_sentence(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for file in noise_llama_dir.iterdir():
        if not file.name.startswith("tokenizer"):
            (bare / file.name).symlink_to(file)
    with pytest.raises(TrainingError, match=r"bare lacks a tokenizer"):
        merge(str(bare), adapter, tmp_path / "copy", cache_dir=tmp_path, say=print)
    with pytest.raises(TrainingError, match=r"bare lacks a tokenizer"):
        load_base(str(bare), cache_dir=tmp_path, four_bit=False, say=print)


def test_a_disk_that_fills_while_merging_leaves_nothing(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands for the disk: the write itself fails."""
    words = ["merge", "--base", str(noise_llama_dir), "--adapter", str(adapter)]
    words += ["--output", str(tmp_path / "copy"), "--data-dir", str(tmp_path)]
    limited = (
        "import resource, sys; from training.__main__ import main;"
        "import training.merging;"  # its libraries write before the limit counts
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)); sys.exit(main())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", limited, *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert ran.returncode == 1, ran.stderr
    assert "error: the disk is full: nothing was left at" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_a_kill_behind_the_last_byte_leaves_no_copy_and_the_same_command_makes_it(
    noise_llama_dir: Path, adapter: Path, tmp_path: Path
) -> None:
    words = ["merge", "--base", str(noise_llama_dir), "--adapter", str(adapter)]
    words += ["--output", str(tmp_path / "copy"), "--data-dir", str(tmp_path)]
    killed = (
        "import os, signal; from training import files_beside; from training.__main__ import main;"
        # All is written, and only its name is not yet.
        "files_beside._flush = lambda part: os.kill(os.getpid(), signal.SIGKILL); main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", killed, *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["copy.part"]
    assert main(words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert loaded(tmp_path / "copy")


def test_without_a_gpu_four_bits_are_refused(noise_llama_dir: Path, tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(TrainingError, match="--four-bit needs an NVIDIA GPU"):
        load_base(str(noise_llama_dir), cache_dir=tmp_path, four_bit=True, say=print)


def test_without_the_extra_the_command_says_how_to_install_it(
    noise_llama_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In an environment that has the packages, the same command is proven in test_run.py."""
    try:
        import trl  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("trl is installed here")
    row = {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    words = ["sft", "--data", str(tmp_path / "data.jsonl"), "--output", str(tmp_path / "out")]
    assert main([*words, "--base", str(noise_llama_dir)]) == 1
    assert "is not installed: `make train` installs them" in capsys.readouterr().err
