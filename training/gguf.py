"""llama.cpp's commands for a GGUF build: printed, as llama.cpp is no dependency."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from training.errors import TrainingError

CONVERTER = "convert_hf_to_gguf.py"
#: 4 bits, of which llama.cpp advises the medium mixture.
QUANTISATION = "Q4_K_M"


def gguf_commands(merged: Path, llama_cpp: Path, quantisation: str = QUANTISATION) -> list[str]:
    """The shell's lines that turn a merged model into one GGUF file and try it.

    ``llama_cpp``: a checkout of llama.cpp, built with CMake. Raises TrainingError.
    """
    if not (merged / "config.json").is_file():
        hint = " (an adapter: `python -m training merge` makes a whole model of it)"
        has_adapter = (merged / "adapter_config.json").is_file()
        raise TrainingError(f"{merged} is no whole model{hint if has_adapter else ''}")
    if not (merged / "tokenizer.json").is_file():
        raise TrainingError(f"{merged} has no tokenizer.json: merge the adapter again")
    converter = llama_cpp / CONVERTER
    if not converter.is_file():
        raise TrainingError(
            f"there is no {converter}: clone llama.cpp, build it, and name its folder with "
            "--llama-cpp"
        )
    return list(_lines(merged.resolve(), llama_cpp.resolve(), quantisation))


def _lines(merged: Path, llama_cpp: Path, quantisation: str) -> Iterator[str]:
    whole = merged.with_name(f"{merged.name}-bf16.gguf")
    small = merged.with_name(f"{merged.name}-{quantisation}.gguf")
    programs = llama_cpp / "build" / "bin"
    yield shlex.join(["pip", "install", "-r", str(llama_cpp / "requirements.txt")])
    source, target = str(merged), str(whole)
    conversion = ["python", str(llama_cpp / CONVERTER), source, "--outfile", target]
    yield shlex.join([*conversion, "--outtype", "bf16"])
    yield shlex.join([str(programs / "llama-quantize"), str(whole), str(small), quantisation])
    yield shlex.join([str(programs / "llama-server"), "-m", str(small), "-c", "8192"])
