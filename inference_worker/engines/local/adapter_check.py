"""Whether LoRA weights were made for a model: peft's own errors name tensors, not the mistake."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from inference_queue.protocol import FailureReason
from inference_worker.engines.local.adapter_files import CONFIG, TRAINING, WEIGHTS
from inference_worker.errors import EngineError

#: What peft puts before the names of the model's own modules.
PREFIX = "base_model.model."
#: Rows of the embedding that the fingerprint is made of.
_ROWS = 64
#: float16 has fewer digits for what is smaller.
_MIN_NORMAL = 2.0**-13
#: By the end of a tensor's name: the side of the layer that it meets, and on which axis.
_SIDES = {"A.weight": ("in_features", 1), "B.weight": ("out_features", 0)}


def check_adapter(folder: Path, model: Any, *, base: str) -> None:
    """Raise EngineError where the adapter in ``folder`` does not fit the ``model``.

    ``base``: the model's name, for people.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise _unfit(f"{folder} lacks the adapter's {name}: was all of it copied?")
    trained_on = _base_name(folder)
    known = _read(folder / TRAINING).get("base_fingerprint")
    if known and known != fingerprint(model):
        raise _unfit(
            f"the adapter {folder.name} was trained on {trained_on}, whose weights differ from "
            f"those of {base}: use that model, or train the adapter again"
        )
    if misfit := _misfit(folder / WEIGHTS, model):
        raise _unfit(
            f"the adapter {folder.name}, made for {trained_on}, does not fit {base} ({misfit}): "
            "use the model it was trained on"
        )


def fingerprint(model: Any) -> str:
    """A digest of the base's weights, the same in every number format that they are loaded in.

    Of its embedding and its norms, which are never quantised; a further training changes them.
    """
    digest = hashlib.sha256()
    rows = model.get_input_embeddings().weight.detach()
    chosen = torch.linspace(0, len(rows) - 1, min(_ROWS, len(rows))).long().to(rows.device)
    norms = [w for name, w in model.named_parameters() if name.endswith("norm.weight")]
    for tensor in (rows[chosen], *norms[:1], *norms[-1:]):
        shared = tensor.detach().to("cpu", torch.bfloat16).contiguous()
        shared[shared.abs() < _MIN_NORMAL] = 0
        digest.update(shared.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def _misfit(weights: Path, model: Any) -> str:
    """The first tensor that does not fit, in words; "" where all do."""
    modules = dict(model.named_modules())
    try:
        with safe_open(str(weights), "pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a mapping
                path, _, kind = key.removeprefix(PREFIX).partition(".lora_")
                if kind not in _SIDES:
                    continue
                side, axis = _SIDES[kind]
                size = getattr(modules.get(path), side, None)
                if size is None:
                    return f"there is no linear layer {path}"
                if size != (own := file.get_slice(key).get_shape()[axis]):
                    return f"{path} has {size} {side}, not {own}"
    except (SafetensorError, OSError) as error:
        raise _unfit(f"{weights} is damaged ({error}): copy the adapter again") from error
    return ""


def _base_name(folder: Path) -> str:
    name = _read(folder / CONFIG).get("base_model_name_or_path")
    return str(name) if name else "another model"


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unfit(f"{path} cannot be read ({error}): copy the adapter again") from error
    return values if isinstance(values, dict) else {}


def _unfit(sentence: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, sentence)
