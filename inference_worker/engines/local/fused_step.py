"""A step of a Llama on a CPU in float32 of eight calls a layer: its products and compiled kernels.

torch computes what lies between the products by some twenty operations, most of which are too small
for a second thread, and its attention reads rows as if all were as long as the longest.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inference_worker.engines.local.heads import heads_of
from inference_worker.engines.local.kv_cache import Plan, RowCache, attend_spans
from inference_worker.engines.local.native_attention import RowAttention
from inference_worker.engines.local.native_layers import Gate, SumNorm
from inference_worker.engines.local.packing import Pack, packing, turns

#: Chunks of prompts that end behind it go through torch's attention, which reads a row once for
#: many tokens.
LONG_SPAN = 384


class FusedStep:
    """Computes the logits of steps. Its weights are copies: later changes of the model's are lost.

    Belongs to one thread.
    """

    def __init__(self, model: Any) -> None:
        inner, config = model.model, model.config
        pack, scale = packing(model)
        attention = inner.layers[0].self_attn
        self._heads = heads_of(model)
        self._scaling = float(attention.scaling)
        self._embeddings: Tensor = inner.embed_tokens.weight.detach()
        self._rotary = inner.rotary_emb
        self._layers = [_Layer(layer, pack, scale) for layer in inner.layers]
        self._last_norm = _weight(inner.norm, scale)
        self._head = pack([model.lm_head])
        self._attend = RowAttention(self._heads, self._scaling)
        self._norm = SumNorm(config.hidden_size, inner.norm.variance_epsilon, part=1 / scale)
        self._gate = Gate(config.intermediate_size)
        self._like = torch.empty(1, self._heads.keys, 1, self._heads.size)

    @torch.inference_mode()
    def __call__(self, ids: Tensor, plan: Plan, last: Tensor, cache: RowCache) -> Tensor:
        """The logits, (outcomes, vocabulary), of the tokens of ``ids`` (1, tokens) in ``last``."""
        cache.plan = plan
        x, added = self._embeddings[ids[0]], None
        turned = turns(self._rotary, x, plan.places[1:])
        for layer, stored in zip(self._layers, cache.layers, strict=True):
            states = layer.qkv(self._norm(x, added, layer.before))
            said = self._said(states, turned, stored, plan)
            y = self._norm(x, layer.out(said), layer.between)
            added = layer.down(self._gate(layer.gate_and_up(y)))
        rest = None if added is None else added[last]
        return self._head(self._norm(x[last], rest, self._last_norm))

    def _said(
        self, states: Tensor, turned: tuple[Tensor, Tensor], stored: Any, plan: Plan
    ) -> Tensor:
        """What the heads say, (tokens, query heads times size)."""
        keys, values = storage = stored.prepared(self._like, self._like)
        if all(span.stop <= LONG_SPAN for span in plan.spans):
            return self._attend(states, turned, plan.places, storage, len(states))
        count, heads = len(plan.lengths), self._heads
        said = self._attend(states, turned, plan.places, storage, count)
        queries = states.view(1, len(states), -1, heads.size)[:, :, : heads.queries].transpose(1, 2)
        parts = list(attend_spans(queries, keys, values, plan, self._scaling))
        said.view(len(states), heads.queries, -1)[count:] = torch.cat(parts, 2)[0].transpose(0, 1)
        return said


class _Layer:
    """The weights of one decoder layer."""

    def __init__(self, layer: Any, pack: Pack, scale: float) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before = _weight(layer.input_layernorm, scale)
        self.qkv = pack([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out = pack([attention.o_proj])
        self.between = _weight(layer.post_attention_layernorm, scale)
        self.gate_and_up = pack([mlp.gate_proj, mlp.up_proj])
        self.down = pack([mlp.down_proj])


def _weight(norm: Any, scale: float) -> Tensor:
    weight: Tensor = norm.weight.detach() / scale
    return weight.contiguous()
