"""A step of a Llama over rows of different lengths, with few operations between few products.

transformers starts some fifty kernels a layer, most of which move a few thousand numbers. A GPU
needs as long for those as for half of the layer's products.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inference_worker.engines.local.elementwise import Elementwise
from inference_worker.engines.local.heads import heads_of
from inference_worker.engines.local.kv_cache import RowCache
from inference_worker.engines.local.packing import turns
from inference_worker.engines.local.ragged import RaggedPlan


class JoinedStep:
    """Computes the logits of steps. Layers that read the same input become one product.

    The model's own weights become views of the joined ones, so that nothing takes memory twice, and
    the model can be used as before. Belongs to one thread.
    """

    def __init__(self, model: Any, elementwise: Elementwise) -> None:
        inner = model.model
        attention = inner.layers[0].self_attn
        self._elementwise = elementwise
        self._heads = heads_of(model)
        self._scaling = float(attention.scaling)
        self._embeddings: Tensor = inner.embed_tokens.weight.detach()
        self._rotary = inner.rotary_emb
        self._layers = [_Layer(layer) for layer in inner.layers]
        self._last_norm: Tensor = inner.norm.weight.detach()
        self._head: Tensor = model.lm_head.weight.detach()
        self._like = self._embeddings.new_empty(1, self._heads.keys, 1, self._heads.size)

    @torch.inference_mode()
    def __call__(self, ids: Tensor, plan: RaggedPlan, last: Tensor, cache: RowCache) -> Tensor:
        """The logits, (outcomes, vocabulary), of the tokens of ``ids`` (1, tokens) in ``last``."""
        cache.plan = plan
        between = self._elementwise
        x, added = self._embeddings[ids[0]], None
        turned = turns(self._rotary, x, plan.places[1:])
        for layer, stored in zip(self._layers, cache.layers, strict=True):
            x, y = between.sum_and_norm(x, added, layer.before)
            said = self._said(nn.functional.linear(y, layer.qkv), turned, stored, plan)
            x, y = between.sum_and_norm(x, nn.functional.linear(said, layer.out), layer.between)
            gated = between.gate(nn.functional.linear(y, layer.gate_and_up))
            added = nn.functional.linear(gated, layer.down)
        rest = None if added is None else added[last]
        _, y = between.sum_and_norm(x[last], rest, self._last_norm)
        return nn.functional.linear(y, self._head)

    def _said(
        self, states: Tensor, turned: tuple[Tensor, Tensor], stored: Any, plan: RaggedPlan
    ) -> Tensor:
        """What the heads say, (tokens, query heads times size)."""
        keys, values = stored.prepared(self._like, self._like)
        heads = self._heads
        by_head = states.view(len(states), -1, heads.size)
        queries = self._elementwise.turn_and_store(by_head, turned, plan.places, keys, values)
        said = plan.attend(queries.transpose(0, 1)[None], keys, values, self._scaling, None)
        return said.reshape(len(states), -1)


class _Layer:
    """The weights of one decoder layer."""

    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before: Tensor = layer.input_layernorm.weight.detach()
        self.qkv = _joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self.out: Tensor = attention.o_proj.weight.detach()
        self.between: Tensor = layer.post_attention_layernorm.weight.detach()
        self.gate_and_up = _joined([mlp.gate_proj, mlp.up_proj])
        self.down: Tensor = mlp.down_proj.weight.detach()


@torch.no_grad()
def _joined(layers: Sequence[nn.Linear]) -> Tensor:
    """One weight for layers with the same input; theirs are views of it from then on."""
    whole = torch.cat([layer.weight for layer in layers])
    parts = torch.split(whole, [layer.out_features for layer in layers])
    for layer, part in zip(layers, parts, strict=True):
        layer.weight = nn.Parameter(part, requires_grad=False)
    if whole.is_cuda:
        torch.cuda.empty_cache()  # the parts' old memory: rarely of a size that the next ones need
    return whole
