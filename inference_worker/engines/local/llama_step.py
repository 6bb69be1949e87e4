"""A step of a Llama on a CPU in float32, with little between its matrix products.

transformers computes the same by some forty small operations and a dozen Python calls a layer,
which for a small model take as long as its products. A model of any other kind, on any other
device or in any other number format goes through transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from inference_worker.engines.local.kv_cache import Plan, RowCache, Span, attend, cache_name
from inference_worker.engines.local.packed_linear import can_pack, is_plain
from inference_worker.engines.local.packing import Pack, linear_layers, packing, turns

log = structlog.get_logger(__name__)

#: How far the logits may be from those of transformers: both only round differently.
TOLERANCE = 1e-4
#: Tokens of the comparison.
COMPARED = 5

#: Cosines, and sines negative in their first half, of the tokens' positions: (tokens, 1, size).
Turns = tuple[Tensor, Tensor]

#: From ids (1, tokens), the plan, the places of the tokens whose logits are wanted, and the cache
#: to the logits, (outcomes, vocabulary).
Step = Callable[[Tensor, Plan, Tensor, RowCache], Tensor]


class LlamaStep:
    """Computes the logits of steps. Its weights are copies: later changes of the model's are lost.

    Belongs to one thread.
    """

    def __init__(self, model: Any) -> None:
        inner = model.model
        pack, scale = packing(model)
        self._embeddings: Tensor = inner.embed_tokens.weight.detach()
        self._rotary = inner.rotary_emb
        self._layers = [_Layer(layer, pack, scale) for layer in inner.layers]
        self._norm = _Norm(inner.norm, scale)
        self._head = pack([model.lm_head])

    @torch.inference_mode()
    def __call__(self, ids: Tensor, plan: Plan, last: Tensor, cache: RowCache) -> Tensor:
        """The logits, (outcomes, vocabulary), of the tokens of ``ids`` (1, tokens) in ``last``."""
        cache.plan = plan
        x = self._embeddings[ids[0]]
        cosines, sines = turns(self._rotary, x, plan.places[1:])
        turned = cosines[:, None], sines[:, None]
        for layer, stored in zip(self._layers, cache.layers, strict=True):
            x = layer(x, turned, stored, plan)
        return self._head(self._norm(x[last]))


class _Layer:
    """One decoder layer, on (tokens, hidden size)."""

    def __init__(self, layer: Any, pack: Pack, scale: float) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._attention = _Attention(attention, pack)
        self._out = pack([attention.o_proj])
        self._before = _Norm(layer.input_layernorm, scale)
        self._between = _Norm(layer.post_attention_layernorm, scale)
        self._gate, self._up = pack([mlp.gate_proj]), pack([mlp.up_proj])
        self._down = pack([mlp.down_proj])

    def __call__(self, x: Tensor, turns: Turns, stored: Any, plan: Plan) -> Tensor:
        """``stored``: the layer of the cache."""
        said = self._attention(self._before(x), turns, stored, plan)
        x = self._out.plus(said, x)
        y = self._between(x)
        return self._down.plus(self._up.times(y, self._gate.silu(y)), x)


class _Attention:
    """From (tokens, hidden size) to what the heads say, (tokens, heads times size)."""

    def __init__(self, attention: Any, pack: Pack) -> None:
        self._size = int(attention.head_dim)
        self._key_heads = attention.k_proj.out_features // self._size
        self._heads = attention.q_proj.out_features // self._size
        self._scaling = float(attention.scaling)
        self._qkv = pack([attention.q_proj, attention.k_proj, attention.v_proj])

    def __call__(self, x: Tensor, turns: Turns, stored: Any, plan: Plan) -> Tensor:
        states = self._qkv(x).view(len(x), -1, self._size)
        turning = self._heads + self._key_heads
        turned = _turned(states[:, :turning], turns).transpose(0, 1)[None]
        keys, values = stored.update(
            turned[:, self._heads :], states[:, turning:].transpose(0, 1)[None]
        )
        queries = turned[:, : self._heads]
        out, _ = attend(None, queries, keys, values, None, plan=plan, scaling=self._scaling)
        return out.view(len(x), -1)


def _turned(states: Tensor, turns: Turns) -> Tensor:
    """Rotary positions (Su et al., 2021) on (tokens, heads, size), halves being the pairs."""
    cosines, sines = turns
    other_half = states.roll(states.shape[-1] // 2, -1)
    return (states * cosines).addcmul_(other_half, sines)


class _Norm:
    """A norm whose outputs are divided by ``scale``, a power of two."""

    def __init__(self, norm: Any, scale: float) -> None:
        self._weight: Tensor = norm.weight.detach() / scale
        self._epsilon = torch.tensor(float(norm.variance_epsilon))

    def __call__(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)  # torch's norm: twice the steps
        mean = torch.addcmul(self._epsilon, length, length, value=1 / x.shape[-1])
        return x.mul(mean.rsqrt_()).mul_(self._weight)


def llama_step_for(model: Any) -> Step | None:
    """The fastest step that suits a model, and computes its logits as transformers does."""
    if type(model) is not LlamaForCausalLM or not _suits(model) or not can_pack(model):
        return None
    return _checked(_fused, "fused_steps_off", model) or _checked(
        LlamaStep, "packed_steps_off", model
    )


def _fused(model: Any) -> Step:
    from inference_worker.engines.local.fused_step import FusedStep  # noqa: PLC0415 - optional

    return FusedStep(model)


def _checked(make: Callable[[Any], Step], off: str, model: Any) -> Step | None:
    """The step, or the line ``off`` about why there is none."""
    try:
        step = make(model)
        far = _distance(step, model)
    except Exception as error:  # noqa: BLE001 - another torch, transformers or numba, or none
        log.warning(off, error=type(error).__name__, reason=str(error)[:200])
        return None
    if not far <= TOLERANCE:
        log.warning(off, error="other logits", reason=f"by a part of {far:.1e}")
        return None
    return step


def _suits(model: Any) -> bool:
    return model.config.hidden_act == "silu" and all(map(is_plain, linear_layers(model)))


@torch.inference_mode()
def _distance(step: Step, model: Any) -> float:
    """Between its logits and those of transformers, as a part of the latter's size."""
    positions = torch.arange(COMPARED)
    ids = (positions * 7 + 1)[None] % model.config.vocab_size
    plan = Plan([], [Span(0, 0, COMPARED)], torch.stack((torch.zeros_like(positions), positions)))
    ours, theirs = (RowCache(model.config.num_hidden_layers) for _ in range(2))
    for cache in (ours, theirs):
        cache.resize(1, COMPARED)
        cache.plan = plan
    exact = model(
        ids, position_ids=positions[None], use_cache=True, plan=plan, **{cache_name(model): theirs}
    ).logits[0]
    found = step(ids, plan, positions, ours)
    return float((found - exact).norm() / exact.norm())
