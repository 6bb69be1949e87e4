"""What a step computes of which slots; with masks where no kernel does it, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from inference_worker.engines.local.batch_memory import Slot
from inference_worker.engines.local.kv_cache import Span
from inference_worker.engines.local.token_scorer import SCORED_TOKENS, RawScore, ScoreSheet


class MaskedStep(NamedTuple):
    """The tokens of one step, one of each slot that writes and then those of the spans."""

    ids: list[int]
    rows: list[int]
    positions: list[int]
    #: The tokens whose logits are wanted: of each slot the last one, then the others of the spans
    #: of prompts that are scored.
    wanted: list[int]


def plain_end(slots: Sequence[Slot]) -> int:
    """Where the slots begin whose prompts are being scored."""
    return sum(slot.writing or not slot.scores_prompt for slot in slots)


def spans_of(prefilling: Sequence[Slot], index: int, chunk: int) -> list[Span]:
    """What a step computes of these slots' prompts, ``chunk`` tokens at most.

    ``index``: the first one's. Only the last span may end before its prompt does.
    """
    left, spans = chunk, []
    for number, slot in enumerate(prefilling):
        left = min(left, SCORED_TOKENS) if slot.scores_prompt else left
        stop = min(len(slot.tokens), slot.cached + left)
        if stop > slot.cached:
            spans.append(Span(index + number, slot.cached, stop))
            left -= stop - slot.cached
    return spans


def pack(slots: Sequence[Slot], writing: Sequence[Slot], spans: Sequence[Span]) -> MaskedStep:
    """The step of the first slots, which write, and of these spans."""
    ids = [slot.tokens[-1] for slot in writing]
    rows = list(range(len(writing)))
    positions, last, others = [slot.cached for slot in writing], rows.copy(), list[int]()
    for span in spans:
        if slots[span.row].scores_prompt:
            others += range(len(ids), len(ids) + span.stop - span.start - 1)
        ids += slots[span.row].tokens[span.start : span.stop]
        rows += [span.row] * (span.stop - span.start)
        positions += range(span.start, span.stop)
        last.append(len(ids) - 1)
    return MaskedStep(ids, rows, positions, last + others)


def measured_in(
    logits: Tensor,
    slots: Sequence[Slot],
    writing: int,
    spans: Sequence[Span],
    chosen: Sequence[int],
) -> list[tuple[ScoreSheet, list[RawScore]]]:
    """The scores of a step's tokens, by its logits: ``wanted`` of the step, then maybe others.

    The first ``writing`` slots write; ``chosen`` are their tokens, and those of the spans that end
    their prompts.
    """
    found, others = [], writing + len(spans)
    for at, slot in enumerate(slots[: writing + len(spans)]):
        if slot.sheet is None:
            continue
        rows, tokens = [at], list(chosen[at : at + 1])
        if at >= writing and slot.scores_prompt:
            span = spans[at - writing]
            tokens = slot.tokens[span.start + 1 : span.stop + 1] + tokens
            count = span.stop - span.start - 1
            rows = [*range(others, others + count), at]
            others += count
        if tokens:
            found.append((slot.sheet, slot.sheet.measure(logits, rows, tokens)))
    return found
