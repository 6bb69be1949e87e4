"""Engines as processes of their own, spoken to by lines of JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from transformers import LlamaConfig

from benchmarks.gpu_vllm import Compared, beside_vllm
from benchmarks.side_process import Side

#: Writes what is asked for, a millisecond a token; refuses what vLLM would refuse.
ENGINE = """#!{python}
import json, pathlib, sys
folder, options = pathlib.Path(sys.argv[3]), json.loads(sys.argv[4])
config = json.loads((folder / "config.json").read_text())
assert config["architectures"] == ["LlamaForCausalLM"] and options["load_format"] == "dummy"
print(json.dumps({{"ready": True}}), flush=True)
for line in sys.stdin:
    work = json.loads(line)
    assert work["at_once"] <= options["max_num_seqs"]
    for request in work["requests"]:
        assert request["sampling"]["repetition_penalty"] == 1.1
        assert len(request["prompt"]) + request["tokens"] <= options["max_model_len"]
    answers = [[1] * request["tokens"] for request in work["requests"]]
    took = max(map(len, answers)) / 1000
    first_ms = [len(request["prompt"]) / 10 for request in work["requests"]]
    print(json.dumps({{"seconds": took, "cpu_s": took, "answers": answers, "first_ms": first_ms}}),
          flush=True)
"""


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """In the place of an interpreter that has vLLM."""
    program = tmp_path / "python"
    program.write_text(ENGINE.format(python=sys.executable))
    program.chmod(0o755)
    return program


def compared() -> Compared:
    return Compared(
        config=LlamaConfig(vocab_size=100, max_position_embeddings=512),
        dtype="float32",
        prompt=8,
        steps=20,
        sampling={"temperature": 0.6, "top_p": 0.9, "repetition_penalty": 1.1},
        rates={1: 2_000.0, 4: 2_000.0},
        prefill=(200, 5_000.0),
        second_turns={100: 26.0},
    )


def test_ours_is_a_multiple_of_what_vllm_takes_for_the_same_work(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_VLLM_PYTHON", str(engine))
    figures = {figure.bench: figure for figure in beside_vllm(compared())}
    assert figures["gpu.1.vllm"].value == pytest.approx(1_000)
    assert figures["gpu.1.over_vllm"].ratio == pytest.approx(2)
    assert figures["gpu.4.over_vllm"].ratio == pytest.approx(0.5)
    assert figures["gpu.prefill.200.over_vllm"].ratio == pytest.approx(0.5)
    assert figures["gpu.second_turn.100.over_vllm"].ratio == pytest.approx(2)


def test_without_vllm_there_are_no_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("BENCH_VLLM_PYTHON", raising=False)
    assert beside_vllm(compared()) == []
    assert "no vLLM" in capsys.readouterr().err


def test_a_side_that_ends_is_an_error_with_its_status() -> None:
    side = Side([sys.executable, "-c", "raise SystemExit(3)"], environment={})
    try:
        with pytest.raises(RuntimeError, match="status 3"):
            side.wait_until_loaded()
    finally:
        side.close()
