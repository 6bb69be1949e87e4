"""The names in Redis that both sides of the queue use."""

from __future__ import annotations

#: Redis keys. A token stream is named by job and attempt, or a retry would interleave two texts.
WAKE_CHANNEL = "bllossom:jobs:wake"

FINISHED_CHANNEL = "bllossom:jobs:finished"

TOKENS_KEY = "bllossom:tokens:{id}:{attempt}"

TOKENS_MAX_PIECES = 4000

TOKENS_TTL_S = 300
