"""Rows of one batch with different adapters, against peft's own answer to each alone."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from inference_worker.engines.local.adapters import weights
from inference_worker.engines.local.adapters.weights import (
    LoraWeights,
    check_ranks,
    read_adapter,
)
from inference_worker.engines.local.batch import Batch
from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.checkpoints import FOUR_BIT, load
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.local.ragged import gathered
from inference_worker.engines.local.token_scorer import ScoreSheet
from inference_worker.engines.token_scores import WantedScores
from inference_worker.errors import EngineError
from tests.integration.inference_worker.engines.local.test_batch import alone, greedy
from tests.support.served_jobs import a_job, answer

BASE = "noise-llama"
PROMPTS = [list(range(10 + at, 30 + 7 * at)) for at in range(5)]
TOKENS = 12
#: Other ranks, layers and scales in each.
CONFIGS: dict[str, dict[str, Any]] = {
    "support": {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]},
    "sales": {"r": 7, "lora_alpha": 3, "target_modules": ["o_proj", "gate_proj"]},
    "tiny": {
        "r": 1,
        "lora_alpha": 5,
        "use_rslora": True,
        "target_modules": "all-linear",
        "rank_pattern": {"layers.0.mlp.up_proj": 3},
        "alpha_pattern": {"layers.0.mlp.up_proj": 11},
    },
}


def base(noise_llama_dir: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(noise_llama_dir, dtype=torch.float32)


def saved(noise_llama_dir: Path, into: Path, **config: Any) -> Path:
    get_peft_model(
        base(noise_llama_dir), LoraConfig(init_lora_weights=False, **config)
    ).save_pretrained(str(into))
    return into


@pytest.fixture(scope="module")
def folders(noise_llama_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    torch.manual_seed(11)
    root = tmp_path_factory.mktemp("adapters")
    return {name: saved(noise_llama_dir, root / name, **config) for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def expected(noise_llama_dir: Path, folders: dict[str, Path]) -> dict[str, list[list[int]]]:
    """What peft's unmerged adapter writes greedily to each prompt, by adapter; "": the base."""
    answers = {}
    for name in ("", *folders):
        model = base(noise_llama_dir)
        if name:
            model = PeftModel.from_pretrained(model, str(folders[name])).eval()
        answers[name] = [alone(model, prompt, TOKENS) for prompt in PROMPTS]
    return answers


@pytest.fixture
def model(noise_llama_dir: Path) -> Any:
    return base(noise_llama_dir)


def read(model: Any, folders: dict[str, Path]) -> list[LoraWeights]:
    return [read_adapter(name, folder, model, base=BASE) for name, folder in folders.items()]


def new_batch(model: Any, adapters: list[LoraWeights], **more: Any) -> Batch:
    return Batch(model, max_slots=16, budget=16 * 512, prefill_chunk=32, adapters=adapters, **more)


def write_all(batch: Batch, rows: list[tuple[list[int], str]]) -> list[list[int]]:
    slots: list[tuple[Slot, int]] = []
    waiting = list(rows)
    while waiting or any(len(slot.tokens) < length + TOKENS for slot, length in slots):
        while waiting and batch.fits(need := len(waiting[0][0]) + TOKENS + 8):
            prompt, adapter = waiting.pop(0)
            slot = batch.add(prompt, greedy(), need=need, adapter=adapter)
            slots.append((slot, len(prompt)))
        batch.step()
    return [slot.tokens[length:][:TOKENS] for slot, length in slots]


def logits_of(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Collects the logits of each step from now on."""
    steps: list[torch.Tensor] = []
    propose = batch._sampler.propose

    def collecting(logits: torch.Tensor) -> list[int]:
        steps.append(logits.clone())
        return propose(logits)

    monkeypatch.setattr(batch._sampler, "propose", collecting)
    return steps


@pytest.mark.parametrize("kernel", [None, gathered])
def test_each_row_of_a_batch_is_written_as_peft_writes_it_alone(
    model: Any, folders: dict[str, Path], expected: dict[str, list[list[int]]], kernel: Any
) -> None:
    batch = new_batch(model, read(model, folders), kernel=kernel)
    names = ["support", "", "sales", "tiny", "support"]
    said = write_all(batch, list(zip(PROMPTS, names, strict=True)))
    assert said == [expected[name][at] for at, name in enumerate(names)]
    assert len({tuple(expected[name][0]) for name in expected}) == len(expected)


def test_rows_that_change_places_keep_their_adapters(
    model: Any, folders: dict[str, Path], expected: dict[str, list[list[int]]]
) -> None:
    batch = new_batch(model, read(model, folders))
    gone = batch.add(PROMPTS[3], greedy(), need=200, adapter="sales")
    batch.step()
    rows = []
    for at, name in ((0, "tiny"), (1, ""), (2, "support")):
        rows.append((batch.add(PROMPTS[at], greedy(), need=200, adapter=name), at, name))
        batch.step()
    batch.remove(gone)
    for _ in range(TOKENS + 4):
        batch.step()
    for slot, at, name in rows:
        assert slot.tokens[len(PROMPTS[at]) :][:TOKENS] == expected[name][at]


def test_rows_without_an_adapter_have_the_very_numbers_they_have_among_themselves(
    noise_llama_dir: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    logits = []
    for adapter in ("", "tiny"):
        model = base(noise_llama_dir)
        batch = new_batch(model, read(model, folders))
        steps = logits_of(batch, monkeypatch)
        for at, prompt in enumerate(PROMPTS[:4]):
            batch.add(prompt[:20], greedy(), need=200, adapter=adapter if at == 3 else "")
        for _ in range(8):
            batch.step()
        logits.append(steps)
    for plain, mixed in zip(*logits, strict=True):
        assert torch.equal(plain[:3], mixed[:3])
    assert not torch.equal(logits[0][-1][3], logits[1][-1][3])


@pytest.mark.parametrize("kernel", [None, gathered])
def test_the_scores_of_a_prompt_are_those_of_its_own_adapter(
    noise_llama_dir: Path, model: Any, folders: dict[str, Path], kernel: Any
) -> None:
    batch = new_batch(model, read(model, folders), kernel=kernel)
    names = ["tiny", "", "support", "sales", ""]
    sheets = [ScoreSheet(WantedScores(prompt=at != 1)) for at in range(5)]
    rows = list(zip(PROMPTS, names, sheets, strict=True))
    slots = [batch.add(p, greedy(), need=200, adapter=name, sheet=s) for p, name, s in rows]
    while any(len(slot.tokens) < len(p) + 4 for slot, p in zip(slots, PROMPTS, strict=True)):
        batch.step()
    for slot, (prompt, name, sheet) in zip(slots, rows, strict=True):
        alone = base(noise_llama_dir)
        if name:
            alone = PeftModel.from_pretrained(alone, str(folders[name])).eval()
        begin = 0 if sheet.wanted.prompt else len(prompt) - 1
        with torch.inference_mode():
            scores = alone(torch.tensor([slot.tokens])).logits[0].log_softmax(-1)[begin:-1]
        own = scores.gather(1, torch.tensor(slot.tokens[begin + 1 :])[:, None])[:, 0]
        assert [one.logprob for one in sheet.found] == pytest.approx(own.tolist(), abs=1e-3)


def test_logits_are_those_of_the_merged_model(
    noise_llama_dir: Path, model: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = new_batch(model, read(model, folders))
    steps = logits_of(batch, monkeypatch)
    for name in folders:
        batch.add(PROMPTS[0], greedy(), need=200, adapter=name)
    while len(steps) < len(folders) or len(steps[-1]) < len(folders):
        batch.step()
    for at, (name, slot) in enumerate(zip(folders, batch.slots, strict=True)):
        merged = PeftModel.from_pretrained(base(noise_llama_dir), str(folders[name]))
        with torch.inference_mode():
            whole = merged.merge_and_unload().eval()(torch.tensor([slot.tokens[:-1]])).logits
        torch.testing.assert_close(steps[-1][at], whole[0, -1], atol=1e-3, rtol=1e-3)


def test_a_batch_without_adapters_on_the_same_model_is_the_model_alone(
    model: Any, folders: dict[str, Path], expected: dict[str, list[list[int]]]
) -> None:
    write_all(new_batch(model, read(model, folders)), [(PROMPTS[0], "tiny")])
    assert write_all(new_batch(model, []), [(PROMPTS[0], "")]) == [expected[""][0]]


def refused(noise_llama_dir: Path, model: Any, folder: Path, **config: Any) -> str:
    saved(noise_llama_dir, folder, **config)
    with pytest.raises(EngineError) as caught:
        read_adapter("own", folder, model, base=BASE)
    return caught.value.failure.message


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings")
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers")
@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"target_modules": ["q_proj"], "use_dora": True}, "DoRA"),
        ({"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}, "lm_head"),
        ({"target_modules": ["q_proj", "lm_head"]}, "lm_head"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, "embed_tokens"),
    ],
)
def test_an_adapter_that_is_more_than_low_rank_layers_is_refused_with_a_way_out(
    noise_llama_dir: Path, model: Any, tmp_path: Path, config: dict[str, Any], why: str
) -> None:
    sentence = refused(noise_llama_dir, model, tmp_path / "own", **config)
    assert why in sentence
    assert "WORKER_ADAPTER" in sentence


def test_an_adapter_of_another_base_is_refused(
    model: Any, folders: dict[str, Path], tmp_path: Path
) -> None:
    for file in folders["support"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "training.json").write_text(json.dumps({"base_fingerprint": "0" * 64}))
    with pytest.raises(EngineError, match="whose weights differ from"):
        read_adapter("support", tmp_path, model, base=BASE)


def test_ranks_that_are_too_large_together_are_refused(
    model: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = read(model, folders)
    check_ranks(adapters)
    monkeypatch.setattr(weights, "MAX_RANKS", 13)
    with pytest.raises(EngineError, match=r"14 together \(support 4, sales 7, tiny 3\)"):
        check_ranks(adapters)


async def test_the_engine_answers_each_job_with_its_adapter_whatever_was_kept_of_its_conversation(
    noise_llama_dir: Path, demo_cache: Path, folders: dict[str, Path]
) -> None:
    named = {name: str(folders[name]) for name in ("support", "sales")}
    engine = LocalEngine(
        str(noise_llama_dir),
        cache_dir=demo_cache,
        slots=3,
        device="cpu",
        dtype="float32",
        adapters=named,
    )
    await engine.start(print)
    assert engine.card.adapters == ("support", "sales")
    job = a_job("길게 이어지는 질문이에요. " * 8, temperature=0.0, max_new_tokens=8)

    async def said(adapter: str, key: str) -> tuple[str, str]:
        wanted = replace(job, adapter=adapter, cache_key=key)
        _, last = await answer(engine, wanted)
        return last.text, last.model

    fresh = {adapter: await said(adapter, "") for adapter in ("", *named)}
    assert len({text for text, _ in fresh.values()}) == 3
    assert fresh["sales"][1] == f"{engine.card.name} + sales"
    for adapter in ("support", "", "sales", "support"):
        assert await said(adapter, "conversation") == fresh[adapter]
    assert engine.usage.reused_tokens > 0, "support's prefix was found again"
    together = await asyncio.gather(*(said(adapter, "") for adapter in fresh))
    assert together == list(fresh.values())
    with pytest.raises(EngineError, match="names the adapter tiny") as caught:
        await said("tiny", "")
    assert caught.value.failure.retryable
    await engine.close()


def test_adapters_beside_weights_of_four_bits_add_what_peft_adds(
    noise_llama_dir: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    def loaded() -> Any:
        return load(
            str(noise_llama_dir), cache_dir=tmp_path, device="cpu", dtype=FOUR_BIT, progress=print
        ).model

    model = loaded()
    batch = new_batch(model, read(model, {"support": folders["support"]}))
    [said] = write_all(batch, [(PROMPTS[0], "support")])
    unmerged = PeftModel.from_pretrained(loaded(), str(folders["support"])).eval()
    assert said[:4] == alone(unmerged, PROMPTS[0], 4)
    assert said[:4] != alone(loaded(), PROMPTS[0], 4)
