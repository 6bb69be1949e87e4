"""A company's own weights: LoRA adapters, and weights of 4 bits, on a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from inference_queue.protocol import Completion
from inference_worker.engines.local.checkpoints import FOUR_BIT, load
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.errors import EngineError
from tests.support.served_jobs import a_job, answer

PROMPT = torch.tensor([[128000, 9125, 882, 78191, 271]])


@pytest.fixture(scope="module")
def adapter_dir(noise_llama_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRA weights that change what the noise model says."""
    torch.manual_seed(7)
    base: Any = AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj", "down_proj"], init_lora_weights=False
    )
    folder = tmp_path_factory.mktemp("adapter")
    get_peft_model(base, config).save_pretrained(str(folder))
    return folder


@torch.inference_mode()
def scores(model: Any) -> torch.Tensor:
    logits: torch.Tensor = model(PROMPT).logits
    return logits


def loaded(model: Path, tmp_path: Path, **settings: Any) -> Any:
    told: list[str] = []
    checkpoint = load(
        str(model),
        cache_dir=tmp_path,
        device="cpu",
        progress=told.append,
        **{"dtype": "float32", **settings},
    )
    assert told
    return checkpoint.model


def test_an_adapter_becomes_part_of_the_model(
    noise_llama_dir: Path, adapter_dir: Path, tmp_path: Path
) -> None:
    plain: Any = AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)
    before = scores(plain)
    expected = scores(PeftModel.from_pretrained(plain, str(adapter_dir)).eval())
    ours = loaded(noise_llama_dir, tmp_path, adapter=str(adapter_dir))
    assert not any("lora" in name for name, _ in ours.named_modules())
    torch.testing.assert_close(scores(ours), expected, atol=1e-4, rtol=1e-4)
    assert (before - expected).abs().max() > 0.01


async def test_the_engine_answers_with_an_adapter(
    noise_llama_dir: Path, adapter_dir: Path, demo_cache: Path
) -> None:
    greedy = a_job("안녕", temperature=0.0, max_new_tokens=8)
    texts = []
    for adapter in ("", str(adapter_dir)):
        engine = an_engine(noise_llama_dir, demo_cache, adapter=adapter)
        await engine.start(print)
        texts.append((await answer(engine, greedy))[1].text)
        await engine.close()
    assert texts[0] != texts[1]


def an_engine(model: Path, cache_dir: Path, **settings: Any) -> LocalEngine:
    return LocalEngine(
        str(model),
        cache_dir=cache_dir,
        slots=2,
        device="cpu",
        **{"dtype": "float32", **settings},
    )


async def test_weights_of_four_bits(
    noise_llama_dir: Path, adapter_dir: Path, demo_cache: Path, tmp_path: Path
) -> None:
    model = loaded(noise_llama_dir, tmp_path, dtype=FOUR_BIT, adapter=str(adapter_dir))
    kinds = {type(module).__name__ for module in model.modules()}
    assert "Linear4bit" in kinds
    assert any("lora" in name for name, _ in model.named_modules())
    engine = an_engine(noise_llama_dir, demo_cache, dtype=FOUR_BIT, adapter=str(adapter_dir))
    await engine.start(print)
    _, last = await answer(engine, a_job("안녕", temperature=0.0, max_new_tokens=6))
    await engine.close()
    assert isinstance(last, Completion)
    assert last.completion_tokens > 0


def test_folder_without_an_adapter_is_refused_with_a_sentence(
    noise_llama_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match=r"lacks the adapter's adapter_config\.json"):
        loaded(noise_llama_dir, tmp_path, adapter=str(tmp_path / "empty"))


def test_adapter_of_another_model_is_refused_with_a_sentence(
    noise_llama_dir: Path, adapter_dir: Path, tmp_path: Path
) -> None:
    config = adapter_dir / "adapter_config.json"
    other = tmp_path / "other"
    other.mkdir()
    for file in adapter_dir.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    (other / config.name).write_text(config.read_text().replace('"r": 4', '"r": 8'))
    with pytest.raises(EngineError, match="cannot load"):
        loaded(noise_llama_dir, tmp_path, adapter=str(other))
