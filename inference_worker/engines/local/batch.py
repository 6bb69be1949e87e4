"""The sequences that are being written, advanced together: token ids and tensors, no text.

Row ``n`` lives in place ``n`` of the cache. The rows that write come first, then at most one whose
prompt is still being computed in pieces; who leaves is replaced by the last of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference_queue.protocol import SamplingParams
from inference_worker.engines.local.kv_cache import (
    ATTENTION,
    Plan,
    RowCache,
    Span,
    States,
    cache_name,
)
from inference_worker.engines.local.prefix_cache import Prefix, Prefixes
from inference_worker.engines.local.sampling import Sampler

#: Tokens by which the width of the cache grows.
CHUNK = 256


@dataclass(slots=True, eq=False)
class Row:
    """One sequence: prompt and answer so far, and how many of them are in the cache."""

    tokens: list[int]
    need: int  #: tokens it may come to
    key: str = ""  #: the conversation that its prefix is kept for
    cached: int = 0
    writing: bool = False  #: its prompt has been computed


class Batch:
    """The rows of one model, and its memory. Belongs to one thread.

    ``budget`` bounds the tokens that there is memory for: running rows and kept prefixes together.
    A row is let in only where the longest that all may become fits. ``piece`` is the most tokens
    of prompts that one step computes.
    """

    def __init__(self, model: Any, *, rows: int, budget: int, piece: int) -> None:
        if not getattr(model, "_supports_attention_backend", False):
            raise ValueError(f"{type(model).__name__} does not let its attention be chosen")
        model.set_attn_implementation(ATTENTION)
        self._model = model
        self._device = model.device
        self._most_rows = rows
        self._cache = RowCache(model.config.get_text_config().num_hidden_layers)
        self._cache_argument = {cache_name(model): self._cache}
        self._prefixes: Prefixes[States] = Prefixes()
        self._sampler = Sampler(self._device)
        self.budget = CHUNK
        self.allow(budget)
        self.piece = piece
        self.rows: list[Row] = []
        self.reused = 0  #: tokens of prompts that did not have to be computed, since the start

    @property
    def cached_tokens(self) -> int:
        """Tokens that the rows have memory for; may be asked from any thread."""
        return self._cache.tokens

    @property
    def kept_tokens(self) -> int:
        """Tokens of finished rows that are kept for the next turn; from any thread."""
        return self._prefixes.tokens

    @property
    def pending(self) -> list[Row]:
        """Rows that have not written anything yet, in their order."""
        return [row for row in self.rows if not row.writing]

    def token_bytes(self) -> dict[torch.device, int]:
        """What a token takes on each device; nothing before the first step."""
        return self._cache.token_bytes()

    def allow(self, budget: int) -> None:
        """Set the budget, in whole chunks and one at least."""
        self.budget = max(budget // CHUNK, 1) * CHUNK

    def fits(self, need: int) -> bool:
        """Whether one more row that may come to ``need`` tokens can be let in now."""
        if len(self.rows) == self._most_rows:
            return False
        if sum(len(row.tokens) - row.cached for row in self.pending) >= self.piece:
            return False
        widest = max([need, *(row.need for row in self.rows)])
        return (len(self.rows) + 1) * _rounded(widest) <= self.budget

    @torch.inference_mode()
    def add(
        self, prompt: Sequence[int], sampling: SamplingParams, *, need: int, key: str = ""
    ) -> Row:
        """Let a row in that ``fits``, with what is known of its conversation."""
        row = Row(list(prompt), need, key)
        place = len(self.rows)
        found = self._prefixes.find(key, prompt) if key else None
        self._make_room(place + 1, found[1] if found else 1)
        if found:
            prefix, row.cached = found
            self._cache.write(place, prefix.states, row.cached)
            self._prefixes.drop(key)
            self.reused += row.cached
        self._sampler.begin(place, sampling, prompt)
        self.rows.append(row)
        return row

    @torch.inference_mode()
    def step(self, *, newcomers: int | None = None) -> list[tuple[Row, int]]:
        """One more token of every row that writes, and a piece of the newcomers' prompts.

        ``newcomers`` bounds how many of them take part.

        Returns the tokens chosen, BROKEN (see sampling) where the logits were no numbers. After an
        error nothing has changed, and the same step may be tried again.
        """
        pending = self.pending
        writing = self.rows[: len(self.rows) - len(pending)]
        spans = self._spans(len(writing), pending[:newcomers])
        ends = [row.cached + 1 for row in writing] + [span.stop for span in spans]
        self._make_room(len(self.rows), max(ends))
        logits = self._forward(writing, spans)
        begun = [r for r, s in zip(pending, spans, strict=False) if s.stop == len(r.tokens)]
        done = [*writing, *begun]
        chosen = self._sampler.choose(logits[: len(done)]) if done else []
        for row, end in zip(self.rows, ends, strict=False):
            row.cached = end
        for row, token in zip(done, chosen, strict=True):
            row.tokens.append(token)
            row.writing = True
        return list(zip(done, chosen, strict=True))

    @torch.inference_mode()
    def remove(self, row: Row, *, keep: bool = True) -> None:
        """Let a row go; with a key, what has been computed is kept while there is room."""
        place = self.rows.index(row)
        if keep and row.key and row.cached:
            self._keep(place, row)
        writing = len(self.rows) - len(self.pending)
        for last in (writing - 1, len(self.rows) - 1):
            if place < last and place < len(self.rows):
                self._move(last, place)
                place = last
        del self.rows[place]
        if not self.rows:
            self._cache.clear()

    def forget(self) -> int:
        """Drop every kept prefix; returns how many tokens they were."""
        tokens = self._prefixes.tokens
        self._prefixes.shrink(0)
        return tokens

    def clear(self) -> None:
        """Let everything go."""
        self.rows.clear()
        self._cache.clear()
        self.forget()

    def _spans(self, place: int, pending: Sequence[Row]) -> list[Span]:
        left, spans = self.piece, []
        for number, row in enumerate(pending):
            stop = min(len(row.tokens), row.cached + left)
            if stop > row.cached:
                spans.append(Span(place + number, row.cached, stop))
                left -= stop - row.cached
        return spans

    def _forward(self, writing: Sequence[Row], spans: Sequence[Span]) -> torch.Tensor:
        """The logits of each row's last token in this step, (rows, vocabulary)."""
        ids = [row.tokens[-1] for row in writing]
        rows = list(range(len(writing)))
        lengths = [row.cached for row in writing]
        positions, last = lengths.copy(), rows.copy()
        for span in spans:
            ids += self.rows[span.row].tokens[span.start : span.stop]
            rows += [span.row] * (span.stop - span.start)
            positions += range(span.start, span.stop)
            last.append(len(ids) - 1)
        step = torch.tensor([ids, rows, positions], device=self._device)
        plan = Plan(lengths, list(spans), step[1:])
        self._cache.plan = plan
        logits: torch.Tensor = self._model(
            step[:1],
            position_ids=step[2:],
            use_cache=True,
            # Those of a whole prompt would take gigabytes: 6,144 x 128,256 floats.
            logits_to_keep=torch.tensor(last, device=self._device),
            plan=plan,
            **self._cache_argument,
        ).logits
        return logits[0]

    def _move(self, source: int, target: int) -> None:
        row = self.rows[source]
        if row.cached:
            self._cache.move(source, target, row.cached)
        self._sampler.move(source, target)
        self.rows[target] = row

    def _keep(self, place: int, row: Row) -> None:
        left = self.budget - self._cache.tokens - row.cached
        if left < 0:
            return
        self._prefixes.shrink(left)
        states = self._cache.read(place, row.cached)
        self._prefixes.keep(row.key, Prefix(row.tokens[: row.cached], states))

    def _make_room(self, rows: int, width: int) -> None:
        """Let the cache have a place for so many rows so wide, with some to spare if it fits."""
        cache = self._cache
        width = _rounded(max([width, *(row.cached for row in self.rows)]))
        if rows <= cache.rows and width <= cache.width:
            return
        spare = min(max(rows, 2 * cache.rows), self._most_rows) if rows > cache.rows else cache.rows
        sizes = ((spare, max(width, cache.width)), (rows, max(width, cache.width)), (rows, width))
        fitting = [size for size in sizes if size[0] * size[1] <= self.budget]
        chosen = fitting[0] if fitting else sizes[-1]
        self._prefixes.shrink(self.budget - chosen[0] * chosen[1])
        cache.resize(*chosen)


def _rounded(width: int) -> int:
    return -(-width // CHUNK) * CHUNK
