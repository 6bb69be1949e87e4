"""The true Llama-3 tokenizer, converted from the file inside the package ``llama_models``.

The file is under the Meta Llama 3 Community License, so it is read from the installed package and
never kept in this repository.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

RELEASED_SHA256 = "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"

#: Meta's split pattern for Llama 3 (digits by threes).
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

#: The chat template of Meta-Llama-3-8B-Instruct, which Bllossom keeps.
CHAT_TEMPLATE = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

#: In the order of their ids, from 128000 to 128255.
SPECIAL_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(4)),
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|reserved_special_token_4|>",
    "<|eot_id|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(5, 251)),
)


def convert(into: Path) -> None:
    """Write the tokenizer as transformers' files; takes some tens of seconds."""
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import TikTokenConverter

    package = importlib.util.find_spec("llama_models")
    assert package is not None
    assert package.submodule_search_locations is not None
    ranks = Path(package.submodule_search_locations[0]) / "llama3" / "tokenizer.model"
    assert hashlib.sha256(ranks.read_bytes()).hexdigest() == RELEASED_SHA256
    converter: Any = TikTokenConverter
    fast_tokenizer: Any = PreTrainedTokenizerFast
    backend = converter(str(ranks), PATTERN, extra_special_tokens=SPECIAL_TOKENS).converted()
    backend.post_processor = TemplateProcessing(
        single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 128_000)]
    )
    tokenizer = fast_tokenizer(
        tokenizer_object=backend,
        bos_token="<|begin_of_text|>",
        eos_token="<|end_of_text|>",
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(into)
