"""A Mllama of a few million parameters, as Bllossom-AICA is one, with the true tokenizer.

Its layers look at pictures beside the text: a picture is one token, whatever its size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaProcessor,
)
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil

IMAGE = "<|image|>"
SIDE = 28  #: of a tile, in pixels


def save_noise(tokenizer_dir: Path, into: Path) -> None:
    """Random weights: it writes noise for ever, another for every picture."""
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_dir)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    torch.manual_seed(11)
    config = MllamaConfig(
        text_config=_text(len(tokenizer)),
        vision_config=_eyes(),
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
    )
    model: Any = MllamaForConditionalGeneration(config)
    _open_gates(model)
    model.generation_config.eos_token_id = [128_001, 128_009]
    model.save_pretrained(into)
    scaling: Any = MllamaImageProcessorPil(size={"height": SIDE, "width": SIDE})
    processor_class: Any = MllamaProcessor
    processor_class(image_processor=scaling, tokenizer=tokenizer).save_pretrained(into)


def _text(vocabulary: int) -> MllamaTextConfig:
    return MllamaTextConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        cross_attention_layers=[1],
        max_position_embeddings=1024,
        rope_parameters={"rope_type": "default", "rope_theta": 500_000.0},
        bos_token_id=128_000,
        eos_token_id=128_001,
        pad_token_id=128_004,
        initializer_range=0.1,  # wide: greedy choices do not hang on rounding
    )


def _eyes() -> MllamaVisionConfig:
    return MllamaVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_global_layers=1,
        attention_heads=2,
        image_size=SIDE,
        patch_size=14,
        vision_output_dim=96,
        intermediate_layers_indices=[0, 1],
        initializer_range=0.2,
    )


def _open_gates(model: Any) -> None:
    """Mllama's gates are closed where training begins: pictures would change nothing."""
    for name, parameter in model.named_parameters():
        if "gate" in name and parameter.numel() == 1:
            parameter.data.fill_(1.0)
