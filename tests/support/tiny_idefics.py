"""An Idefics3 of a few million parameters: the processor puts rows, columns and borders around
the tokens of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoTokenizer,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
)
from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

from tests.support.tiny_llama import tiny_config

IMAGE = "<image>"
SIDE = 32  #: of a tile, in pixels
TILES = 2
CONTROLS = (
    IMAGE,
    "<fake_token_around_image>",
    "<global-img>",
    "<end_of_utterance>",
    *(f"<row_{row}_col_{column}>" for row in (1, 2, 3, 4) for column in (1, 2, 3, 4)),
)


def save_noise(tokenizer_dir: Path, into: Path) -> None:
    """Random weights: it writes noise for ever, another for every picture."""
    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_dir)
    tokenizer.add_special_tokens({"additional_special_tokens": list(CONTROLS)})
    tokenizer.pad_token = "<|end_of_text|>"
    torch.manual_seed(13)
    text = tiny_config(
        vocab_size=len(tokenizer),
        max_position_embeddings=1024,
        pad_token_id=128_001,
        tie_word_embeddings=True,
    )
    eyes = Idefics3VisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        patch_size=8,
        initializer_range=0.2,
    )
    config_class: Any = Idefics3Config
    config = config_class(
        text_config=text,
        vision_config=eyes,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=2,
        pad_token_id=128_001,
        tie_word_embeddings=True,
    )
    model: Any = Idefics3ForConditionalGeneration(config)
    model.generation_config.eos_token_id = [128_001, 128_009]
    model.save_pretrained(into)
    scaling: Any = Idefics3ImageProcessorPil(
        size={"longest_edge": TILES * SIDE}, max_image_size={"longest_edge": SIDE}
    )
    processor_class: Any = Idefics3Processor
    processor: Any = processor_class(image_processor=scaling, tokenizer=tokenizer, image_seq_len=4)
    processor.save_pretrained(into)
