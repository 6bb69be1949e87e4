"""A Qwen2-VL of a few million parameters: its text has positions in three dimensions.

Its processor also reads films, and so needs torchvision, which the worker does not install.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.configuration_qwen2_vl import (
    Qwen2VLTextConfig,
    Qwen2VLVisionConfig,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

IMAGE = "<|image_pad|>"
CONTROLS = (IMAGE, "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
PATCH = 8


def save_noise(tokenizer_dir: Path, into: Path) -> None:
    """Random weights: it writes noise for ever, another for every picture."""
    from transformers.models.qwen2_vl.processing_qwen2_vl import Qwen2VLProcessor
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer_dir)
    tokenizer.add_special_tokens({"additional_special_tokens": list(CONTROLS)})
    image, video, start, end = (tokenizer.convert_tokens_to_ids(one) for one in CONTROLS)
    torch.manual_seed(17)
    config = Qwen2VLConfig(
        text_config=_text(len(tokenizer)),
        vision_config=_eyes(),
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
        tie_word_embeddings=True,
    )
    model: Any = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = [128_001, 128_009]
    model.save_pretrained(into)
    sizes: dict[str, Any] = {
        "patch_size": PATCH,
        "size": {"shortest_edge": 16 * PATCH**2, "longest_edge": 64 * PATCH**2},
    }
    scaling: Any = Qwen2VLImageProcessorPil(**sizes)
    films: Any = Qwen2VLVideoProcessor(**sizes)
    processor_class: Any = Qwen2VLProcessor
    processor: Any = processor_class(
        image_processor=scaling, tokenizer=tokenizer, video_processor=films
    )
    processor.save_pretrained(into)


def _text(vocabulary: int) -> Qwen2VLTextConfig:
    return Qwen2VLTextConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 500_000.0,
            "mrope_section": [2, 3, 3],
        },
        bos_token_id=128_000,
        eos_token_id=128_001,
        pad_token_id=128_001,
        initializer_range=0.1,  # wide: greedy choices do not hang on rounding
    )


def _eyes() -> Qwen2VLVisionConfig:
    return Qwen2VLVisionConfig(
        depth=2, embed_dim=32, hidden_size=64, num_heads=2, mlp_ratio=2, patch_size=PATCH
    )
