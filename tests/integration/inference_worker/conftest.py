"""The worker is tested with real models and tokenizers."""

from __future__ import annotations

from tests.support.browser import browser_page
from tests.support.desk import desk
from tests.support.models import (
    colour_llava_dir,
    demo_cache,
    demo_dir,
    demo_engine,
    demo_template,
    demo_tokenizer,
    korean_engine,
    korean_llama_dir,
    llama3_template,
    llama3_tokenizer,
    llama3_tokenizer_dir,
    noise_engine,
    noise_llama_dir,
    noise_llava_dir,
    noise_mllama_dir,
    stopped_demo_engine,
)

__all__ = [
    "browser_page",
    "colour_llava_dir",
    "demo_cache",
    "demo_dir",
    "demo_engine",
    "demo_template",
    "demo_tokenizer",
    "desk",
    "korean_engine",
    "korean_llama_dir",
    "llama3_template",
    "llama3_tokenizer",
    "llama3_tokenizer_dir",
    "noise_engine",
    "noise_llama_dir",
    "noise_llava_dir",
    "noise_mllama_dir",
    "stopped_demo_engine",
]
