"""The heads of a Llama's attention."""

from __future__ import annotations

from typing import Any, NamedTuple


class Heads(NamedTuple):
    """Query heads, key heads (as many as value heads), and the length of a head's vectors."""

    queries: int
    keys: int
    size: int


def heads_of(model: Any) -> Heads:
    """Those of every layer."""
    attention = model.model.layers[0].self_attn
    size = int(attention.head_dim)
    queries, keys = (layer.out_features // size for layer in (attention.q_proj, attention.k_proj))
    return Heads(queries, keys, size)
