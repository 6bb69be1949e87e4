"""The log-probabilities of tokens, found in the steps that compute them anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inference_worker.engines.local.sampling import INVALID_TOKEN
from inference_worker.engines.token_scores import LEAST, WantedScores

#: Prompt tokens of one step whose logits are all computed: 256 x 128,256 floats take 131 MB.
SCORED_TOKENS = 256
#: Rows of logits that are normalized at once: 33 MB with Llama 3's vocabulary.
ROWS = 64


@dataclass(frozen=True, slots=True)
class RawScore:
    """A token's log-probability, and the most probable ids with theirs, falling."""

    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class ScoreSheet:
    """What is wanted of one sequence, and found so far: its tokens from the second on."""

    wanted: WantedScores
    found: list[RawScore] = field(default_factory=list)

    def measure(self, logits: Tensor, rows: Sequence[int], tokens: Sequence[int]) -> list[RawScore]:
        """The scores of ``tokens``, each by its row of (rows, vocabulary). Nothing is kept."""
        if INVALID_TOKEN in tokens:
            return []
        parts = (slice(start, start + ROWS) for start in range(0, len(tokens), ROWS))
        return [
            score
            for part in parts
            for score in self._scores(logits[list(rows[part])], tokens[part])
        ]

    def _scores(self, logits: Tensor, tokens: Sequence[int]) -> Iterator[RawScore]:
        scores = logits.float().log_softmax(-1)
        own = scores.gather(1, torch.tensor(tokens, device=scores.device)[:, None])[:, 0]
        values, ids = scores.topk(min(self.wanted.top, scores.shape[1]))
        for one, top, at in zip(own.tolist(), values.tolist(), ids.tolist(), strict=True):
            likely = zip(at, (max(value, LEAST) for value in top), strict=True)
            yield RawScore(max(one, LEAST), tuple(likely))
