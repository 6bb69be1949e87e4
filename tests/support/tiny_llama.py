"""Llamas of a few million parameters that carry the true Llama-3 tokenizer."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

#: Rare syllables, joined emoji and Hanja take several tokens each; no token comes twice.
KOREAN_ANSWER = (
    "뷁! 서울의 관광 코스는 경복궁과 남산이에요. 🦥 맛있는 떡볶이, 👩‍🚀 그리고 꿰뚫는 景福宮?"
)


def tiny_config(**changes: Any) -> LlamaConfig:
    """Of a text model; ``changes`` as LlamaConfig's own arguments."""
    usual: dict[str, Any] = {
        "vocab_size": 128_256,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0},
        "bos_token_id": 128_000,
        "eos_token_id": 128_001,
        # Wide, so that the largest logit stands out and greedy choices do not hang on rounding.
        "initializer_range": 0.1,
    }
    return LlamaConfig(**{**usual, **changes})


def new_model(*, tied: bool) -> Any:
    torch.manual_seed(7)
    config = tiny_config(tie_word_embeddings=tied)
    model: Any = LlamaForCausalLM(config)
    return model


def save_noise(tokenizer_dir: Path, into: Path) -> None:
    new_model(tied=True).save_pretrained(into)
    AutoTokenizer.from_pretrained(tokenizer_dir).save_pretrained(into)


def save_korean(tokenizer_dir: Path, into: Path) -> None:
    """A model that answers everything with KOREAN_ANSWER."""
    save_answer(tokenizer_dir, into, KOREAN_ANSWER)


def save_answer(tokenizer_dir: Path, into: Path, text: str, *, endless: bool = False) -> None:
    """Lay its weights so that every token calls the next one of the text, ``<|eot_id|>`` last.

    ``endless``: the text begins again instead.
    """
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_dir)
    end_of_prompt = tokenizer.encode("\n\n", add_special_tokens=False)
    answer = tokenizer.encode(text, add_special_tokens=False)
    last = answer[0] if endless else tokenizer.convert_tokens_to_ids("<|eot_id|>")
    chain = [*end_of_prompt, *answer, last]
    assert len({*chain}) == len(chain) - endless <= 64
    model = new_model(tied=False)
    with torch.no_grad():
        for layer in model.model.layers:  # nothing is added to the embedding on its way
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.zero_()
        model.lm_head.weight.zero_()
        for direction, (token, following) in enumerate(pairwise(chain)):
            model.model.embed_tokens.weight[token, direction] = 8.0
            model.lm_head.weight[following, direction] = 8.0
    model.save_pretrained(into)
    tokenizer.save_pretrained(into)
