"""From the name of a model to the loaded model: preset, hub id or directory."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    BitsAndBytesConfig,
)
from transformers.utils import logging

from inference_queue.presets import DEFAULT_PRESET, DEMO_PRESET, PRESETS
from inference_queue.protocol import FailureReason
from inference_worker.engines.base import ModelCard, Vision
from inference_worker.engines.local.adapter_check import check_adapter
from inference_worker.engines.local.adapters.weights import (
    LoraWeights,
    check_ranks,
    read_adapter,
)
from inference_worker.engines.local.demo import demo_folder
from inference_worker.engines.local.hub import fetch
from inference_worker.engines.local.processor_inputs import ProcessorReader
from inference_worker.engines.local.vision import FAMILIES, PictureReader
from inference_worker.errors import EngineError
from inference_worker.prompt.stop_tokens import stop_token_ids

Progress = Callable[[str], None]

#: Instead of a dtype: weights of 4 bits, a quarter of the memory.
FOUR_BIT = "4bit"

MULTIPLY_BFLOAT16 = (
    "import torch; x = torch.ones(64, 64, dtype=torch.bfloat16); torch.nn.functional.linear(x, x)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model ready to run, with its tokenizer."""

    card: ModelCard
    model: Any  #: a transformers model that writes text, in eval mode
    tokenizer: Any  #: its fast tokenizer, with a chat template
    stop_ids: frozenset[int]  #: tokens that end an answer
    reader: PictureReader | ProcessorReader | None = None  #: of a model that sees
    adapters: tuple[LoraWeights, ...] = ()  #: beside the model, for the jobs that name one


def load(
    name: str,
    *,
    cache_dir: Path,
    device: str | None,
    dtype: str | None,
    progress: Progress,
    adapter: str = "",
    adapters: Mapping[str, str] | None = None,
    vision: Vision = Vision.AUTO,
) -> Checkpoint:
    """Find and load a model; blocks for seconds to minutes. Raises EngineError.

    ``name`` is a key of presets.PRESETS, a directory, or an id on the Hugging Face hub.
    ``device`` and ``dtype`` are torch's names; None takes the GPU where there is one, and the
    fastest dtype on it. ``dtype`` FOUR_BIT quantises the weights while they are loaded.
    ``adapter`` is a directory or hub id of LoRA weights, as peft saves them, that become part of
    the model; ``adapters`` are such by the names under which jobs choose one. ``vision``: whether
    the model is to see; AUTO where it can.
    """
    preset = _preset_key(name)
    _silence_progress_bars()
    try:
        folder = find_folder(name, cache_dir, progress)
        progress(f"loading {folder.name}")
        shown = _shown_name(name, preset)
        checkpoint = _load_folder(folder, shown, preset, device, dtype, vision)
        if adapter:
            checkpoint = _adapted(checkpoint, adapter, progress)
        return _with_choice(checkpoint, adapters, progress) if adapters else checkpoint
    except EngineError:
        raise
    except torch.OutOfMemoryError as error:
        raise EngineError(
            FailureReason.OUT_OF_MEMORY, f"{name} does not fit into the GPU's memory"
        ) from error
    except Exception as error:  # the libraries raise any exception, AssertionError too
        raise _unavailable(f"cannot load {name}: {_first_line(error)}") from error


def find_folder(name: str, cache_dir: Path, progress: Progress) -> Path:
    """The folder of a model, fetched where it is not here. Raises EngineError."""
    folder = _folder(name, _preset_key(name), cache_dir, progress)
    _check_folder(folder)
    return folder


def _preset_key(name: str) -> str:
    """The preset meant: by key, by hub id, or by a directory called like the model."""
    last = Path(name).name.casefold()
    for key, preset in PRESETS.items():
        if name == key or last == preset.model.split("/")[-1].casefold():
            return key
    return DEFAULT_PRESET


def _shown_name(name: str, preset: str) -> str:
    return PRESETS[preset].model if name == preset else name


def _folder(name: str, preset: str, cache_dir: Path, progress: Progress) -> Path:
    if name == DEMO_PRESET:
        return demo_folder(cache_dir, progress)
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise _unavailable(f"there is no directory {path}")
    return fetch(_shown_name(name, preset), progress)


def _check_folder(folder: Path) -> None:
    """Name the missing file; the errors of transformers point to other causes."""
    wanted = {
        "the model's config.json": ("config.json",),
        "a tokenizer (tokenizer.json)": ("tokenizer.json", "tokenizer.model"),
        "weights (*.safetensors)": ("*.safetensors",),
    }
    for what, patterns in wanted.items():
        if not any(next(folder.glob(pattern), None) for pattern in patterns):
            raise _unavailable(f"{folder} lacks {what}")


def _has_eyes(folder: Path, vision: Vision) -> bool:
    """Whether the model is loaded with what it sees with. Raises EngineError."""
    config: Any = AutoConfig.from_pretrained(folder)
    if config.model_type in FAMILIES:
        return True
    has_eyes = getattr(config, "vision_config", None) is not None
    if vision is Vision.TRUE and not has_eyes:
        family = config.model_type
        raise _unavailable(f"WORKER_VISION=true, and {folder.name} ({family}) reads text only")
    return has_eyes and vision is not Vision.FALSE


def _load_folder(
    folder: Path,
    name: str,
    preset: str,
    device: str | None,
    dtype: str | None,
    vision: Vision,
) -> Checkpoint:
    has_eyes = _has_eyes(folder, vision)
    sees = has_eyes and vision is not Vision.FALSE
    processors: Any = AutoProcessor
    processor: Any = processors.from_pretrained(folder) if has_eyes else None
    tokenizer: Any = processor.tokenizer if has_eyes else AutoTokenizer.from_pretrained(folder)
    if has_eyes and not tokenizer.chat_template:
        tokenizer.chat_template = processor.chat_template
    if not tokenizer.is_fast or not tokenizer.chat_template:
        raise _unavailable(f"the tokenizer in {folder} has no chat template")
    place = device or _best_device()
    if place == "cpu":
        _leave_a_core()
    four_bit = dtype == FOUR_BIT
    number_format = dtype if dtype and not four_bit else _best_dtype(place)
    model_class: Any = AutoModelForImageTextToText if has_eyes else AutoModelForCausalLM
    model: Any = model_class.from_pretrained(
        folder,
        dtype=number_format,
        device_map=None if place == "cpu" else place,
        quantization_config=_four_bits(number_format) if four_bit else None,
    )
    return Checkpoint(
        card=ModelCard(
            name=name,
            preset=preset,
            context_window=model.config.get_text_config().max_position_embeddings,
            vision=sees,
            demo=PRESETS[preset].demo,
            at_once=None if not has_eyes or model.config.model_type in FAMILIES else 1,
        ),
        model=model.eval(),
        tokenizer=tokenizer,
        stop_ids=stop_token_ids(tokenizer, model.generation_config),
        reader=_reader(processor, model.config.model_type) if has_eyes else None,
    )


def _reader(processor: Any, family: str) -> PictureReader | ProcessorReader:
    """What reads pictures for a model that sees. Raises EngineError."""
    if family in FAMILIES:
        return PictureReader(processor)
    if not isinstance(getattr(processor, "image_token_id", None), int):
        raise _unavailable(
            f"the local engine cannot show pictures to a model of the family {family}: serve it "
            "with vLLM (WORKER_BASE_URL), or use its text alone (WORKER_VISION=false)"
        )
    return ProcessorReader(processor)


def _four_bits(number_format: str) -> Any:
    """The QLoRA paper's format: 4-bit normal floats, their scales quantised as well."""
    config: Any = BitsAndBytesConfig
    return config(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=number_format,
    )


def _adapted(checkpoint: Checkpoint, adapter: str, progress: Progress) -> Checkpoint:
    """The model with LoRA weights, merged into its own where those are not quantised."""
    folder = _adapter_folder(adapter, progress)
    check_adapter(folder, checkpoint.model, base=checkpoint.card.name)
    progress(f"loading the adapter {folder.name}")
    checkpoint = replace(checkpoint, card=replace(checkpoint.card, adapter=Path(adapter).name))
    if getattr(checkpoint.model, "is_quantized", False):
        # Rounded to 4 bits again, most of the training would be lost.
        checkpoint.model.load_adapter(folder)
        return checkpoint
    from peft import PeftModel  # noqa: PLC0415 - seconds, and it complains of what is not asked for

    adapted: Any = PeftModel.from_pretrained(checkpoint.model, folder)
    return replace(checkpoint, model=adapted.merge_and_unload().eval())


def _with_choice(
    checkpoint: Checkpoint, adapters: Mapping[str, str], progress: Progress
) -> Checkpoint:
    """The model with LoRA weights beside it, of which each job may name one."""
    weights = []
    for name, place in adapters.items():
        folder = _adapter_folder(place, progress)
        progress(f"loading the adapter {name}")
        base = checkpoint.card.name
        weights.append(read_adapter(name, folder, checkpoint.model, base=base))
    check_ranks(weights)
    card = replace(checkpoint.card, adapters=tuple(adapters))
    return replace(checkpoint, card=card, adapters=tuple(weights))


def _adapter_folder(adapter: str, progress: Progress) -> Path:
    path = Path(adapter).expanduser()
    return path if path.is_dir() else fetch(adapter, progress)


def _leave_a_core() -> None:
    """Let torch's threads leave one core to the rest, unless OMP_NUM_THREADS says how many.

    They wait for each other at every step. On a busy machine, one thread for each core made an
    answer take eight times as long as with one less (measured on 2 cores).
    """
    if not os.environ.get("OMP_NUM_THREADS"):
        others = len(os.sched_getaffinity(0)) - 1
        torch.set_num_threads(max(1, min(torch.get_num_threads(), others)))


def _best_device() -> str:
    # "auto" as the model cards say: accelerate spreads the layers over all GPUs.
    return "auto" if torch.cuda.is_available() else "cpu"


def _best_dtype(device: str) -> str:
    """The cards' bfloat16, but float32 on a CPU that only emulates bfloat16, slowly."""
    return "bfloat16" if device != "cpu" or _cpu_has_bfloat16() else "float32"


@functools.cache
def _cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself.

    Some virtual machines announce AMX and kill the process at its first instruction: a child
    process tries it first.
    """
    known = torch.cpu.get_capabilities()
    if not known.get("avx512_bf16"):
        return False
    if not known.get("amx_tile"):
        return True
    child = [sys.executable, "-c", MULTIPLY_BFLOAT16]
    tried = subprocess.run(child, check=False, stderr=subprocess.DEVNULL)  # noqa: S603 - our own
    return tried.returncode == 0


def _silence_progress_bars() -> None:
    disable: Callable[[], None] = logging.disable_progress_bar
    disable()


def _unavailable(message: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, message)


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
