"""A LLaVA-NeXT of a few million parameters, as Bllossom-V is one, with the true tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
)
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)

from tests.support.tiny_llama import tiny_config

IMAGE = "<image>"
SIDE, PATCH = 32, 8  # of a tile, and of what becomes one token, in pixels
GRIDS = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]


def save_noise(tokenizer_dir: Path, into: Path) -> None:
    """Random weights: it writes noise for ever, another for every picture."""
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_dir)
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    image_id = tokenizer.convert_tokens_to_ids(IMAGE)
    torch.manual_seed(7)
    text = tiny_config(
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    eyes = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=PATCH,
        initializer_factor=4.0,
    )
    config = LlavaNextConfig(
        text_config=text,
        vision_config=eyes,
        image_token_index=image_id,
        image_grid_pinpoints=GRIDS,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    model: Any = LlavaNextForConditionalGeneration(config)
    model.save_pretrained(into)
    scaling: Any = LlavaNextImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_grid_pinpoints=GRIDS,
    )
    processor_class: Any = LlavaNextProcessor
    processor: Any = processor_class(
        image_processor=scaling,
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        image_token=IMAGE,
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(into)
