"""The names in Redis that both sides of the queue use."""

from __future__ import annotations

#: There are new jobs: workers claim.
WAKE_CHANNEL = "bllossom:jobs:wake"
#: A running job is to be stopped: workers renew their leases, and read which one.
CANCEL_CHANNEL = "bllossom:jobs:cancel"
#: There are results: bots collect them.
FINISHED_CHANNEL = "bllossom:jobs:finished"

#: Named by job and attempt; each chunk names its lease, since an attempt may be forgiven.
TOKENS_KEY = "bllossom:tokens:{id}:{attempt}"
TOKENS_MAX_CHUNKS = 4000
TOKENS_TTL_S = 300
