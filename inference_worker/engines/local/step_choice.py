"""Which of our own steps a model's logits are computed by; none: through transformers.

Each is compared with transformers when the model is loaded. What computes something else, or fails,
is left out, with a line in the log that says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import structlog
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from inference_worker.engines.local.cuda.attention import CudaAttention
from inference_worker.engines.local.cuda.elementwise import CudaElementwise
from inference_worker.engines.local.cuda.row_copies import CudaRowCopies
from inference_worker.engines.local.cuda.scores import CudaScores
from inference_worker.engines.local.elementwise import TorchElementwise
from inference_worker.engines.local.heads import heads_of
from inference_worker.engines.local.joined_step import JoinedStep
from inference_worker.engines.local.kv_cache import Plan, RowCache, Span, cache_name
from inference_worker.engines.local.llama_step import LlamaStep
from inference_worker.engines.local.packed_linear import can_pack, is_plain
from inference_worker.engines.local.packing import linear_layers
from inference_worker.engines.local.ragged import (
    Kernel,
    RaggedPlan,
    Sequences,
    agrees,
    flash_for,
    sizes_of,
)
from inference_worker.engines.local.row_copies import RowCopies
from inference_worker.engines.local.sampling import Score

log = structlog.get_logger(__name__)

#: How far the logits may be from those of transformers, as a part of their size. Both only round
#: differently, but that grows from layer to layer: 0.04 after the 32 of a Llama-3-8B with random
#: weights in bfloat16. Another function is about 1 away.
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.2, torch.float16: 0.1}
#: Tokens of the comparison.
COMPARED = 5

#: From ids (1, tokens), the plan, the places of the tokens whose logits are wanted, and the cache
#: to the logits, (outcomes, vocabulary).
Step = Callable[[Tensor, Any, Tensor, RowCache], Tensor]

Kernels = TypeVar("Kernels")


def kernel_for(model: Any) -> Kernel | None:
    """The fastest attention over rows of different lengths that suits a model; None: with masks."""
    flash = flash_for(model)
    if flash is None:
        return None
    sizes = sizes_of(model.config.get_text_config())
    try:
        ours = CudaAttention(*sizes, _weight(model))
        reason = "" if agrees(ours, sizes, model.device, model.dtype) else "another outcome"
    except Exception as error:  # noqa: BLE001 - other heads, another torch, or no compiler in it
        reason = str(error) or type(error).__name__
    if reason:
        log.warning("attention_kernel_off", reason=reason[:200])
    return flash if reason else ours


def packed_step_for(model: Any) -> Step | None:
    """The fastest step on a CPU in float32 that suits a model: its plans are of kind ``Plan``."""
    if not _suits(model) or not can_pack(model):
        return None
    plan = Plan([], [Span(0, 0, COMPARED)], _places(model))
    return _checked(_fused, "fused_steps_off", model, plan) or _checked(
        LlamaStep, "packed_steps_off", model, plan
    )


def joined_step_for(model: Any, kernel: Kernel) -> Step | None:
    """The fastest step that suits a model, for plans of kind ``RaggedPlan`` with this kernel."""
    weights = {(weight.device, weight.dtype) for weight in model.parameters()}
    if not _suits(model) or len(weights) > 1 or model.dtype not in TOLERANCES:
        return None
    starts, rows, used = (
        torch.tensor(numbers, device=model.device, dtype=torch.int32)
        for numbers in ([0, COMPARED], [0], [COMPARED])
    )
    plan = RaggedPlan(_places(model), None, Sequences(starts, rows, used, COMPARED), kernel)
    by_kernels = (
        _checked(_by_kernels, "step_kernels_off", model, plan) if _is_half_on_gpu(model) else None
    )
    return by_kernels or _checked(_by_torch, "joined_steps_off", model, plan)


def row_copies_for(model: Any) -> RowCopies | None:
    """The kernels that copy the rows of a model that is whole on one GPU, where it has them."""
    return _compiled(CudaRowCopies, "row_copy_kernels_off", model)


def score_for(model: Any) -> Score | None:
    """The kernel that scores the tokens of such a model, where it has one."""
    return _compiled(CudaScores, "score_kernels_off", model)


def _compiled(make: Callable[[Tensor], Kernels], off: str, model: Any) -> Kernels | None:
    """The kernels for a model in half precision on a GPU, or the line ``off`` about why not."""
    if not _is_half_on_gpu(model):
        return None
    try:
        return make(_weight(model))
    except Exception as error:  # noqa: BLE001 - another torch, or no compiler in it
        log.warning(off, error=type(error).__name__, reason=str(error)[:200])
        return None


def _fused(model: Any) -> Step:
    from inference_worker.engines.local.fused_step import FusedStep  # noqa: PLC0415 - optional

    return FusedStep(model)


def _by_torch(model: Any) -> Step:
    epsilon = model.model.norm.variance_epsilon
    return JoinedStep(model, TorchElementwise(heads_of(model), epsilon))


def _by_kernels(model: Any) -> Step:
    config = model.config
    kernels = CudaElementwise(
        heads_of(model),
        model.model.norm.variance_epsilon,
        sizes=(config.hidden_size, config.intermediate_size),
        like=_weight(model),
    )
    return JoinedStep(model, kernels)


def _checked(
    make: Callable[[Any], Step], off: str, model: Any, plan: Plan | RaggedPlan
) -> Step | None:
    """The step, or the line ``off`` about why there is none."""
    try:
        step = make(model)
        far = _distance(step, model, plan)
    except Exception as error:  # noqa: BLE001 - another torch, transformers or numba, or none
        log.warning(off, error=type(error).__name__, reason=str(error)[:200])
        return None
    if not far <= TOLERANCES[model.dtype]:
        log.warning(off, error="other logits", reason=f"by a part of {far:.1e}")
        return None
    return step


def _weight(model: Any) -> Tensor:
    weight: Tensor = model.get_input_embeddings().weight.detach()
    return weight


def _is_half_on_gpu(model: Any) -> bool:
    return model.device.type == "cuda" and model.dtype in (torch.bfloat16, torch.float16)


def _suits(model: Any) -> bool:
    is_llama = type(model) is LlamaForCausalLM and model.config.hidden_act == "silu"
    return is_llama and all(map(is_plain, linear_layers(model)))


def _places(model: Any) -> Tensor:
    positions = torch.arange(COMPARED, device=model.device)
    return torch.stack((torch.zeros_like(positions), positions))


@torch.inference_mode()
def _distance(step: Step, model: Any, plan: Plan | RaggedPlan) -> float:
    """Between its logits and those of transformers, as a part of the latter's size."""
    positions = plan.places[1]
    ids = (positions * 7 + 1)[None] % model.config.vocab_size
    ours, theirs = (RowCache(model.config.num_hidden_layers) for _ in range(2))
    for cache in (ours, theirs):
        cache.resize(1, COMPARED)
        cache.plan = plan
    exact = model(
        ids, position_ids=positions[None], use_cache=True, plan=plan, **{cache_name(model): theirs}
    ).logits[0]
    found = step(ids, plan, positions, ours)
    return float((found.float() - exact.float()).norm() / exact.float().norm())
