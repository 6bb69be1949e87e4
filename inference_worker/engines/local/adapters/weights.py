"""The LoRA weights of several adapters, as they stand beside the model that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from inference_queue.protocol import FailureReason
from inference_worker.engines.local.adapter_check import PREFIX, check_adapter
from inference_worker.engines.local.adapter_files import WEIGHTS
from inference_worker.errors import EngineError

#: The maximum of all ranks together: a step computes all of them for every token, by arithmetic a
#: fifth of an 8B model's work at 512, and they take 2.7 GB beside it.
MAX_RANKS = 512

_SIDES = ("lora_A.weight", "lora_B.weight")


@dataclass(frozen=True, slots=True)
class LoraPair:
    """What an adapter adds to a linear layer: ``x @ a.T @ b``."""

    a: Tensor  #: (rank, in)
    b: Tensor  #: (rank, out), with the adapter's scale in it


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraWeights:
    """An adapter under the name by which jobs choose it."""

    name: str
    pairs: Mapping[str, LoraPair]  #: by the path of the layer in the model

    @property
    def rank(self) -> int:
        """The largest of its layers' ranks."""
        return max((len(pair.a) for pair in self.pairs.values()), default=0)


def read_adapter(name: str, folder: Path, model: Any, *, base: str) -> LoraWeights:
    """The adapter in ``folder``, on the devices and in the number format of the ``model``.

    ``base``: the model's name, for people. Raises EngineError for an adapter that was made for
    another model, or that has more than low-rank weights of the layers that write text.
    """
    from peft import PeftConfig  # noqa: PLC0415 - seconds

    check_adapter(folder, model, base=base)
    config: Any = PeftConfig.from_pretrained(str(folder))
    tensors = load_file(str(folder / WEIGHTS))
    if extra := _beyond_low_rank(config, tensors, model):
        raise _unusable(
            f"the adapter {name} has {extra}, which cannot be chosen for each answer: serve it "
            "alone (WORKER_ADAPTER)"
        )
    layers = dict(model.named_modules())
    paths = sorted({key.removeprefix(PREFIX).partition(".lora_")[0] for key in tensors})
    pairs = {
        path: _pair(path, tensors, config, layers[path].weight.device, model.dtype)
        for path in paths
    }
    return LoraWeights(name=name, pairs=pairs)


def check_ranks(adapters: list[LoraWeights]) -> None:
    """Raise EngineError where the adapters are too large together."""
    if (ranks := sum(adapter.rank for adapter in adapters)) > MAX_RANKS:
        named = ", ".join(f"{adapter.name} {adapter.rank}" for adapter in adapters)
        raise _unusable(
            f"WORKER_ADAPTERS: the ranks are {ranks} together ({named}), and at most {MAX_RANKS} "
            "fit beside one model: give some adapters to another worker, or train smaller ones"
        )


def _beyond_low_rank(config: Any, tensors: Mapping[str, Tensor], model: Any) -> str:
    """What an adapter has beside low-rank pairs of the text's linear layers, in words."""
    if config.peft_type != "LORA":
        return f"weights of the kind {config.peft_type}"
    if getattr(config, "use_dora", False):
        return "DoRA's magnitudes"
    if getattr(config, "fan_in_fan_out", False):
        return "transposed layers (fan_in_fan_out)"
    writing = {id(module) for module in model.get_decoder().modules()}
    layers = dict(model.named_modules())
    for key in tensors:
        path = key.removeprefix(PREFIX).partition(".lora_")[0]
        if not key.endswith(_SIDES):
            return f"more than low-rank weights ({key.removeprefix(PREFIX)})"
        if id(layers[path]) not in writing or ".experts." in path:
            return f"weights of {path}, outside of the layers that every token passes"
    return ""


def _pair(
    path: str, tensors: Mapping[str, Tensor], config: Any, device: torch.device, dtype: torch.dtype
) -> LoraPair:
    down, up = (tensors[f"{PREFIX}{path}.{side}"] for side in _SIDES)
    scaled = up.float().t() * _scale(path, len(down), config)
    return LoraPair(down.to(device, dtype).contiguous(), scaled.to(device, dtype).contiguous())


def _scale(path: str, rank: int, config: Any) -> float:
    """Peft's factor of what the pair adds (LoraLayer.update_layer)."""
    from peft.utils.other import get_pattern_key  # noqa: PLC0415 - seconds

    pattern: dict[str, float] = getattr(config, "alpha_pattern", None) or {}
    alpha = pattern.get(get_pattern_key(list(pattern), path), float(config.lora_alpha))
    return alpha / rank**0.5 if config.use_rslora else alpha / rank


def _unusable(sentence: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, sentence)
