"""How the next tokens are chosen, for all slots at once.

The outcome is that of transformers' processors in the order of ``generate``: repetition penalty,
temperature, top_k, top_p, and a draw. The draw inverts the cumulative distribution over the
candidates in falling order, by one uniform number of each row's own generator.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.transfer import to_device

#: Below it the scaled logits exceed float32; such a sequence is greedy anyway.
MIN_TEMPERATURE = 1e-5

#: How many of the most likely tokens are tried first. The whole vocabulary is seldom needed, and
#: sorting Llama 3's for every token takes longer than computing the token.
CANDIDATES = 256

#: Tokens among which a CPU looks for the largest at first; vocabularies are multiples of it.
BLOCK = 64

INVALID_TOKEN = -1  #: instead of a token where the logits are no numbers
UNDECIDED = -2  #: the candidates were too few


@dataclass(slots=True)
class _SlotSampling:
    """How one sequence is sampled; ``fresh``: its tokens that the penalty does not know yet."""

    sampling: SamplingParams
    random: random.Random
    fresh: list[int] = field(default_factory=list)
    drawn: float | None = None  # for its next token

    @property
    def greedy(self) -> bool:
        return self.sampling.temperature < MIN_TEMPERATURE

    def draw(self) -> float:
        """The number that chooses the next token, the same one until that is taken."""
        if self.drawn is None:
            self.drawn = self.random.random()
        return self.drawn

    def take(self, token: int) -> None:
        self.drawn = None
        self.fresh.append(max(token, 0))


@dataclass(frozen=True, slots=True)
class SamplingTensors:
    """The rows' parameters as tensors of (rows, 1), and what none of them needs."""

    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    penalty: Tensor
    greedy: Tensor
    any_greedy: bool
    all_greedy: bool
    penalised: bool


#: From logits and which tokens were seen before, or None, both (rows, vocabulary), the penalty of
#: those and the temperature, or None for 1, both (rows, 1) in float32, to scores in float32.
Score = Callable[[Tensor, Tensor | None, Tensor, Tensor | None], Tensor]


class Sampler:
    """Chooses the tokens of the rows 0 to n-1; with a seed always the same ones.

    ``score``: ``scored``, or the same in less time.
    """

    def __init__(self, device: torch.device, score: Score | None = None) -> None:
        self._device = device
        self._score = score or scored
        self._rows: list[_SlotSampling] = []
        self._tensors: SamplingTensors | None = None
        self._seen: Tensor | None = None  # (rows, vocabulary), kept where there is a penalty

    def begin(self, row: int, sampling: SamplingParams, prompt: Sequence[int]) -> None:
        """Begin a sequence in row ``row``, at most one beyond the present ones."""
        seed = None if sampling.seed is None else sampling.seed % 2**64
        chance = random.Random(seed)  # noqa: S311 - for texts, not for secrets
        self._rows[row:] = [_SlotSampling(sampling, chance, list(prompt)), *self._rows[row + 1 :]]
        self._tensors = None
        if self._seen is not None and row < len(self._seen):
            self._seen[row] = False

    def move(self, source: int, target: int) -> None:
        """Move the sequence in row ``source`` to the row of one that has ended."""
        self._rows[target] = self._rows[source]
        self._tensors = None
        if self._seen is not None and source < len(self._seen):
            self._seen[target] = self._seen[source]

    def exchange(self, first: int, second: int) -> None:
        """Let two sequences change their rows; no token has been chosen for either."""
        self._rows[first], self._rows[second] = self._rows[second], self._rows[first]
        self._tensors = None

    def choose(self, logits: Tensor) -> list[int]:
        """The next token of each row of (rows, vocabulary), INVALID_TOKEN without numbers."""
        chosen = self.propose(logits)
        self.take(chosen)
        return chosen

    def take(self, tokens: Sequence[int]) -> None:
        """Go on behind the tokens that were proposed to the first rows."""
        for row, token in zip(self._rows, tokens, strict=False):
            row.take(token)

    def propose(self, logits: Tensor) -> list[int]:
        """As ``choose``, and the same again for the same logits until the tokens are taken."""
        count, vocabulary = logits.shape
        tensors = self._tensors_of(count, vocabulary)
        seen = self._seen_by(count, vocabulary) if tensors.penalised else None
        temperature = None if tensors.all_greedy else tensors.temperature
        scores = self._score(logits, seen, tensors.penalty, temperature)
        if tensors.any_greedy:
            best, tokens = _largest(scores)
        if not tensors.all_greedy:
            draws = to_device([[row.draw()] for row in self._rows[:count]], self._device)
            candidates = min(CANDIDATES, vocabulary)
            best, drawn = _draw(scores, draws, tensors.top_k, tensors.top_p, candidates)
            tokens = torch.where(tensors.greedy, tokens, drawn) if tensors.any_greedy else drawn
        tokens = torch.where(best.isfinite(), tokens, INVALID_TOKEN)
        chosen: list[int] = tokens[:, 0].tolist()  # waits for the device, once a step
        if UNDECIDED in chosen:
            again = [place for place, token in enumerate(chosen) if token == UNDECIDED]
            _, drawn = _draw(
                scores[again], draws[again], tensors.top_k[again], tensors.top_p[again], vocabulary
            )
            for place, token in zip(again, drawn[:, 0].tolist(), strict=True):
                chosen[place] = token
        return chosen

    def _tensors_of(self, count: int, vocabulary: int) -> SamplingTensors:
        if self._tensors is None or len(self._tensors.penalty) != count:
            rows = self._rows[:count]
            wanted = [row.sampling for row in rows]
            temperatures = [1.0 if row.greedy else float(row.sampling.temperature) for row in rows]
            self._tensors = SamplingTensors(
                temperature=self._column(temperatures),
                top_k=self._column([min(s.top_k or vocabulary, vocabulary) for s in wanted]),
                top_p=self._column([float(s.top_p) for s in wanted]),
                penalty=self._column([float(s.repetition_penalty) for s in wanted]),
                greedy=self._column([row.greedy for row in rows]),
                any_greedy=any(row.greedy for row in rows),
                all_greedy=all(row.greedy for row in rows),
                penalised=any(s.repetition_penalty != 1 for s in wanted),
            )
        return self._tensors

    def _column(self, values: Sequence[float]) -> Tensor:
        return to_device(values, self._device)[:, None]

    def _seen_by(self, count: int, vocabulary: int) -> Tensor:
        """Which tokens stand in each row, prompt and answer: (rows, vocabulary)."""
        known = 0 if self._seen is None else len(self._seen)
        if self._seen is None or known < count:
            grown = torch.zeros(
                (max(count, 2 * known), vocabulary), dtype=torch.bool, device=self._device
            )
            if self._seen is not None:
                grown[:known] = self._seen
            self._seen = grown
        fresh = [row.fresh for row in self._rows[:count]]
        at = [number for number, tokens in enumerate(fresh) for _ in tokens]
        if not at:  # known since a step that failed
            return self._seen[:count]
        places = to_device([at, list(itertools.chain.from_iterable(fresh))], self._device)
        # A plain True would be copied to the GPU, and waited for.
        self._seen[places[0], places[1]] = torch.ones_like(places[0], dtype=torch.bool)
        for row in self._rows[:count]:
            row.fresh.clear()
        return self._seen[:count]


def _largest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each row and its token, (rows, 1) each."""
    rows, vocabulary = scores.shape
    if scores.device.type != "cpu" or vocabulary % BLOCK:
        best, tokens = scores.max(-1, keepdim=True)
        return best, tokens
    # Without its place a largest number is found some twenty times as fast.
    blocks = scores.reshape(rows, -1, BLOCK)
    best, block = blocks.amax(-1).max(-1, keepdim=True)
    inside = blocks[torch.arange(rows), block[:, 0]].argmax(-1, keepdim=True)
    return best, block * BLOCK + inside


def scored(
    logits: Tensor, seen: Tensor | None, penalty: Tensor, temperature: Tensor | None
) -> Tensor:
    """The ``Score`` of every device."""
    scores = logits.float()
    if seen is not None:
        less = torch.where(scores < 0, scores * penalty, scores / penalty)
        scores = torch.where(seen, less, scores)
    return scores if temperature is None else scores / temperature


def _draw(
    scores: Tensor, draws: Tensor, top_k: Tensor, top_p: Tensor, candidates: int
) -> tuple[Tensor, Tensor]:
    """Each row's largest score, and a token, or UNDECIDED where ``candidates`` were too few.

    Both are (rows, 1).

    ``scores`` is (rows, vocabulary); ``draws`` in [0, 1), ``top_k`` and ``top_p`` are (rows, 1).
    """
    vocabulary = scores.shape[1]
    values, ids = scores.topk(candidates)  # (rows, candidates), falling
    # As transformers does it: what equals the last of the k stays too.
    smallest = values.gather(1, top_k.clamp(max=candidates) - 1)
    cut = (top_k < vocabulary) & (values[:, -1:] < smallest)  # all that top_k leaves is here
    among = ~cut | (values >= smallest)
    total = torch.where(
        cut,
        values.masked_fill(~among, -torch.inf).logsumexp(-1, keepdim=True),
        scores.logsumexp(-1, keepdim=True),
    )
    chances = (values - total).exp() * among
    up_to = chances.cumsum(-1)
    # A token stays where those before it do not make up top_p: the first always.
    kept = among & (up_to - chances < top_p)
    whole = cut | ((top_k == vocabulary) & (up_to[:, -1:] >= top_p) & (top_p < 1))
    if candidates == vocabulary:
        whole = torch.ones_like(whole)
    goal = draws * torch.where(whole, (chances * kept).sum(-1, keepdim=True), 1.0)
    place = (up_to <= goal).sum(-1, keepdim=True)
    inside = (top_k == vocabulary) & (top_p >= 1) & (place < candidates)
    place = torch.minimum(place, kept.sum(-1, keepdim=True) - 1).clamp(min=0)
    return values[:, :1], torch.where(whole | inside, ids.gather(1, place), UNDECIDED)
