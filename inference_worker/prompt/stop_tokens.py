"""What ends an answer: the one rule for both engines.

A turn ends with the tokenizer's eos token, with those of the generation config, and with the stop
tokens of the presets, because some checkpoints name only ``<|end_of_text|>`` as their eos.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inference_queue.presets import PRESETS, Preset
from inference_queue.protocol import SamplingParams

LLAMA3_END_OF_TURN = "<|eot_id|>"
#: <|end_of_text|> and <|eot_id|> in every tokenizer that descends from Llama-3's.
LLAMA3_STOP_TOKEN_IDS = (128001, 128009)


def stop_token_ids(tokenizer: Any, generation_config: Any = None) -> frozenset[int]:
    """The ids that end an answer, for a tokenizer of transformers; tokens it lacks are left out."""
    eos = generation_config.eos_token_id if generation_config else None
    ids = {tokenizer.eos_token_id, *(eos if isinstance(eos, list) else [eos])}
    added = tokenizer.get_added_vocab()
    ids |= {added.get(token) for preset in PRESETS.values() for token in preset.stop_tokens}
    return frozenset(ids - {None})


def guessed_stop_token_ids(preset: Preset) -> tuple[int, ...]:
    """The ids for a model of this preset whose tokenizer is out of reach; none where unknown."""
    return LLAMA3_STOP_TOKEN_IDS if is_llama3(preset) else ()


def stop_strings(stop_tokens: Iterable[str], sampling: SamplingParams) -> list[str]:
    """The strings that end an answer, the model's first: servers take only so many."""
    return list(dict.fromkeys((*stop_tokens, *sampling.stop)))


def is_llama3(preset: Preset) -> bool:
    """Whether the model's turns end as Llama-3's do."""
    return LLAMA3_END_OF_TURN in preset.stop_tokens
