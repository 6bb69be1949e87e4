"""The scores of tokens by one pass over a step's logits, instead of eight."""

from __future__ import annotations

import torch
from torch import Tensor

from inference_worker.engines.local.cuda.kernels import AT_ONCE, compiled
from inference_worker.engines.local.sampling import scored

THREADS = 256


class CudaScores:
    """A ``Score`` for logits on the device and in the format of ``like``."""

    def __init__(self, like: Tensor) -> None:
        self._kind = like.device, like.dtype
        (self._score,) = compiled("scores", ("score",), like)

    def __call__(
        self, logits: Tensor, seen: Tensor | None, penalty: Tensor, temperature: Tensor | None
    ) -> Tensor:
        """See ``Score``."""
        rows, vocabulary = logits.shape
        is_known = (logits.device, logits.dtype) == self._kind and logits.is_contiguous()
        if not is_known or vocabulary % AT_ONCE or temperature is None:
            return scored(logits, seen, penalty, temperature)
        out = torch.empty(rows, vocabulary, dtype=torch.float32, device=logits.device)
        blocks = -(-vocabulary // (THREADS * AT_ONCE))
        known = logits if seen is None else seen
        given = [logits, known, penalty, temperature, out, vocabulary, int(seen is not None)]
        self._score((blocks, rows, 1), (THREADS, 1, 1), given)
        return out
