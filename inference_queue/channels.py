"""The queue's names in Redis."""

from __future__ import annotations

#: New jobs: wakes workers to claim.
WAKE_CHANNEL = "bllossom:jobs:wake"
#: A cancellation of a running job: wakes workers to renew, and the renewal returns the job.
CANCEL_CHANNEL = "bllossom:jobs:cancel"
#: New results: wakes bots to collect them.
FINISHED_CHANNEL = "bllossom:jobs:finished"

#: Named by job and attempt; each chunk names its lease, since an attempt may be forgiven.
TOKENS_KEY = "bllossom:tokens:{id}:{attempt}"
TOKENS_MAX_CHUNKS = 4000
TOKENS_TTL_S = 300
