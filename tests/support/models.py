"""Real models and tokenizers, made once and kept in .cache/ between runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from transformers import AutoTokenizer

from inference_worker.engines.local.demo import demo_folder
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.prompt.chat_template import ChatTemplate
from tests.support import colour_llava, tiny_llama, tiny_llava, tiny_mllama
from tests.support import llama3_tokenizer as released_tokenizer

# Several test processes share few cores; threads that wait for each other would stall them all.
torch.set_num_threads(1)

KILLED_CONVERSION = "left-by-a-killed-conversion"
CACHE = Path(__file__).parents[2] / ".cache"


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The directory ``name`` in the cache, complete; safe among processes and against kills."""
    CACHE.mkdir(exist_ok=True)
    folder = CACHE / name
    with FileLock(CACHE / f"{name}.lock"):
        if not folder.is_dir():
            unfinished = CACHE / f"{name}.part"
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def llama3_tokenizer_dir() -> Path:
    return made_once("llama3-tokenizer", released_tokenizer.convert)


@pytest.fixture(scope="session")
def llama3_tokenizer(llama3_tokenizer_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(llama3_tokenizer_dir)


@pytest.fixture(scope="session")
def llama3_template(llama3_tokenizer: Any) -> ChatTemplate:
    return ChatTemplate(llama3_tokenizer)


@pytest.fixture(scope="session")
def demo_cache() -> Path:
    return CACHE / "models"


@pytest.fixture(scope="session")
def demo_dir(demo_cache: Path) -> Path:
    """The converted demo model, made over the rest of a conversion that was killed."""
    with FileLock(CACHE / "models.lock"):
        if not demo_cache.exists():
            rest = demo_cache / "SmolLM2-135M-Instruct.Q4_1-bf16.part"
            rest.mkdir(parents=True)
            (rest / KILLED_CONVERSION).touch()
    return demo_folder(demo_cache, print)


@pytest.fixture(scope="session")
def demo_tokenizer(demo_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(demo_dir)


@pytest.fixture(scope="session")
def demo_template(demo_tokenizer: Any) -> ChatTemplate:
    return ChatTemplate(demo_tokenizer)


@pytest.fixture(scope="session")
def noise_llama_dir(llama3_tokenizer_dir: Path) -> Path:
    """A tiny Llama with the true tokenizer and random weights: it writes noise for ever."""
    return made_once(
        "noise-llama-1", lambda into: tiny_llama.save_noise(llama3_tokenizer_dir, into)
    )


@pytest.fixture(scope="session")
def korean_llama_dir(llama3_tokenizer_dir: Path) -> Path:
    """A tiny Llama that answers everything with ``tiny_llama.KOREAN_ANSWER``."""
    return made_once(
        "korean-llama-1", lambda into: tiny_llama.save_korean(llama3_tokenizer_dir, into)
    )


def started(model: str, cache_dir: Path, **settings: Any) -> LocalEngine:
    engine = LocalEngine(model, cache_dir=cache_dir, **{"slots": 4, "device": "cpu", **settings})
    asyncio.run(engine.start(print))
    return engine


@pytest.fixture(scope="session")
def demo_engine(demo_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    """The packaged demo model in float32, so that its answers equal ``generate``'s."""
    engine = started("demo", demo_cache, dtype="float32", slots=3)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture
def stopped_demo_engine(demo_dir: Path, demo_cache: Path) -> LocalEngine:
    """The same for a worker, which starts it and closes it: the others are shared."""
    assert demo_dir.is_dir()
    return LocalEngine("demo", cache_dir=demo_cache, dtype="float32", slots=3, device="cpu")


@pytest.fixture(scope="session")
def noise_engine(noise_llama_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    engine = started(str(noise_llama_dir), demo_cache, dtype="float32", slots=3)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="session")
def korean_engine(korean_llama_dir: Path, demo_cache: Path) -> Iterator[LocalEngine]:
    engine = started(str(korean_llama_dir), demo_cache, dtype="float32")
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="session")
def noise_llava_dir(llama3_tokenizer_dir: Path) -> Path:
    """A tiny LLaVA-NeXT with the true tokenizer and random weights: it sees, and writes noise."""
    return made_once(
        "noise-llava-1", lambda into: tiny_llava.save_noise(llama3_tokenizer_dir, into)
    )


@pytest.fixture(scope="session")
def noise_mllama_dir(llama3_tokenizer_dir: Path) -> Path:
    """A tiny Mllama with the true tokenizer and random weights: it sees, and writes noise."""
    return made_once(
        "noise-mllama-1", lambda into: tiny_mllama.save_noise(llama3_tokenizer_dir, into)
    )


@pytest.fixture(scope="session")
def colour_llava_dir(noise_llava_dir: Path) -> Path:
    """The tiny LLaVA-NeXT, trained to name the main colour of a picture in Korean."""
    return made_once(
        "colour-llava-2", lambda into: colour_llava.save_trained(noise_llava_dir, into)
    )
