"""Where models come from, and what is said when they do not."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from inference_queue.protocol import FailureReason
from inference_worker.engines.local.checkpoints import load
from inference_worker.engines.local.demo import demo_folder
from inference_worker.engines.local.hub import report_growth
from inference_worker.errors import EngineError
from tests.support.fake_hub import hub
from tests.support.models import KILLED_CONVERSION

LOAD_FROM_HUB = """
import json, sys, pathlib
from inference_worker.engines.local.checkpoints import load
from inference_worker.errors import EngineError
cache, *names = sys.argv[1:]
results = []
for name in names:
    try:
        checkpoint = load(
            name, cache_dir=pathlib.Path(cache), device="cpu", dtype="float32", progress=print
        )
        card = checkpoint.card
        results.append([card.name, card.preset, sorted(checkpoint.stop_ids)])
    except EngineError as error:
        results.append([error.failure.reason, error.failure.message])
print(json.dumps(results))
"""


async def load_from_hub(endpoint: str, home: Path, *names: str) -> list[Any]:
    """Load in a process of its own: the hub's address is read when its client is imported."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOAD_FROM_HUB, str(home), *names),
        env={**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    results: list[Any] = json.loads(output.splitlines()[-1])
    return results


def refusal(name: str | Path, tmp_path: Path, device: str = "cpu") -> str:
    with pytest.raises(EngineError) as raised:
        load(str(name), cache_dir=tmp_path, device=device, dtype=None, progress=print)
    assert raised.value.failure.reason is FailureReason.ENGINE_UNAVAILABLE
    return raised.value.failure.message


def copied(source: Path, into: Path, *, without: str = "") -> Path:
    return Path(
        shutil.copytree(source, into, ignore=shutil.ignore_patterns(without) if without else None)
    )


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ("config.json", "lacks the model's config.json"),
        ("tokenizer.json", "lacks a tokenizer"),
        ("*.safetensors", "lacks weights"),
        ("chat_template.jinja", "has no chat template"),
    ],
)
def test_an_incomplete_directory(
    noise_llama_dir: Path, tmp_path: Path, without: str, words: str
) -> None:
    assert words in refusal(copied(noise_llama_dir, tmp_path / "model", without=without), tmp_path)


def test_damaged_files(noise_llama_dir: Path, tmp_path: Path) -> None:
    model = copied(noise_llama_dir, tmp_path / "model")
    (model / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{broken}")
    assert f"cannot load {model}" in refusal(model, tmp_path)
    (model / "config.json").write_text("{")
    assert f"cannot load {model}" in refusal(model, tmp_path)


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    assert "there is no directory" in refusal(tmp_path / "nothing", tmp_path)
    assert "there is no directory" in refusal("./nothing", tmp_path)
    words = refusal("not a model!", tmp_path)
    assert "bllossom-aica-5b, demo), no directory and no hub id" in words


def test_a_device_that_is_not_there(noise_llama_dir: Path, tmp_path: Path) -> None:
    assert "cannot load" in refusal(noise_llama_dir, tmp_path, device="cuda:99")


def test_a_known_model_in_a_directory_is_known_by_its_name(
    noise_llama_dir: Path, tmp_path: Path
) -> None:
    model = tmp_path / "llama3-Bllossom"
    model.symlink_to(noise_llama_dir)
    card = load(str(model), cache_dir=tmp_path, device=None, dtype=None, progress=print).card
    assert (card.preset, card.context_window, card.demo) == ("llama3-bllossom", 512, False)


def test_both_end_of_turn_tokens_are_stop_ids(noise_llama_dir: Path, tmp_path: Path) -> None:
    checkpoint = load(
        str(noise_llama_dir), cache_dir=tmp_path, device="cpu", dtype=None, progress=print
    )
    assert checkpoint.stop_ids == {128_001, 128_009}


async def test_a_model_comes_from_the_hub_once_and_then_without_it(
    noise_llama_dir: Path, tmp_path: Path
) -> None:
    name = "MLP-KTLim/llama-3-Korean-Bllossom-8B"
    server = TestServer(hub({name: noise_llama_dir}))
    async with server:
        endpoint = str(server.make_url("")).rstrip("/")
        found, unknown = await load_from_hub(endpoint, tmp_path, "bllossom-8b", "nobody/nothing")
    assert found == [name, "bllossom-8b", [128_001, 128_009]]
    assert unknown[0] == FailureReason.ENGINE_UNAVAILABLE
    assert "shows no nobody/nothing" in unknown[1]

    again, missing = await load_from_hub(endpoint, tmp_path, "bllossom-8b", "llama3-bllossom")
    assert again == found
    assert missing[0] == FailureReason.ENGINE_UNAVAILABLE
    assert "cannot be reached and MLP-KTLim/llama3-Bllossom is not on this machine" in missing[1]
    assert "WORKER_MODEL" in missing[1]


def test_a_long_download_is_not_silent(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "abc.incomplete").write_bytes(bytes(20_000_000))
    told = Queue[str]()
    with report_growth(tmp_path, told.put, every_s=0.01):
        assert told.get(timeout=5) == "fetching the model: 0.02 GB on disk so far"


def test_the_demo_model_was_converted_whole(demo_dir: Path, demo_cache: Path) -> None:
    # The fixture leaves the rest of a killed conversion in its way, see conftest.
    assert not list(demo_cache.glob("*.part"))
    assert not (demo_dir / KILLED_CONVERSION).exists()
    assert (demo_dir / "model.safetensors").stat().st_size > 200_000_000
    told: list[str] = []
    assert demo_folder(demo_cache, told.append) == demo_dir
    assert told == []
