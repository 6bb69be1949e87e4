"""A step of a Llama on a CPU in float32, with little between its matrix products.

transformers computes the same by some forty small operations and a dozen Python calls a layer,
which for a small model take as long as its products. A model of any other kind, on any other
device or in any other number format goes through transformers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inference_worker.engines.local.kv_cache import Plan, RowCache, attend
from inference_worker.engines.local.packing import Pack, packing, turns

#: Cosines, and sines negative in their first half, of the tokens' positions: (tokens, 1, size).
Turns = tuple[Tensor, Tensor]


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
