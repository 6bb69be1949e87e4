"""The families of models: the control strings that end a turn, by the model's name.

Sources: the chat templates and generation configs on the models' hub pages, November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Family(StrEnum):
    """Models that share a chat template's control strings."""

    LLAMA3 = "llama3"
    LLAMA4 = "llama4"
    CHATML = "chatml"  #: Qwen, SmolLM, Yi, Hermes, Solar, Kanana and many more
    GEMMA = "gemma"
    GPT_OSS = "gpt-oss"
    MISTRAL = "mistral"
    EXAONE = "exaone"
    HYPERCLOVA = "hyperclova"
    PHI = "phi"
    GLM = "glm"
    DEEPSEEK = "deepseek"
    COMMAND = "command"


#: What ends a turn, or begins the next one where the end was missed.
END_MARKERS: dict[Family, tuple[str, ...]] = {
    Family.LLAMA3: ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<|start_header_id|>"),
    Family.LLAMA4: ("<|eot|>", "<|eom|>", "<|end_of_text|>", "<|header_start|>"),
    Family.CHATML: ("<|im_end|>", "<|im_start|>", "<|endoftext|>"),
    Family.GEMMA: ("<end_of_turn>", "<start_of_turn>", "<turn|>", "<|turn>", "<eos>"),
    Family.GPT_OSS: ("<|return|>", "<|call|>"),
    Family.MISTRAL: ("</s>", "[INST]", "[/INST]"),
    Family.EXAONE: ("[|endofturn|]", "[|user|]", "[|system|]", "[|assistant|]"),
    Family.HYPERCLOVA: ("<|im_end|>", "<|im_start|>", "<|endofturn|>", "<|stop|>"),
    Family.PHI: ("<|end|>", "<|user|>", "<|endoftext|>"),
    Family.GLM: ("<|user|>", "<|observation|>", "<|endoftext|>"),
    Family.DEEPSEEK: ("<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
    Family.COMMAND: ("<|END_OF_TURN_TOKEN|>", "<|START_OF_TURN_TOKEN|>"),
}
ALL_END_MARKERS: tuple[str, ...] = tuple(
    dict.fromkeys(marker for markers in END_MARKERS.values() for marker in markers)
)
#: Control strings that only stand in prompts: nobody may open a turn by typing them.
_PROMPT_MARKERS: dict[Family, tuple[str, ...]] = {
    Family.LLAMA4: ("<|header_end|>", "<|begin_of_text|>", "<|python_start|>", "<|python_end|>"),
    Family.GEMMA: ("<bos>", "<pad>", "<|channel>", "<channel|>", "<|think|>"),
    Family.GPT_OSS: ("<|start|>", "<|end|>", "<|channel|>", "<|constrain|>", "<|message|>"),
    Family.MISTRAL: (
        "<s>",
        "[SYSTEM_PROMPT]",
        "[/SYSTEM_PROMPT]",
        "[AVAILABLE_TOOLS]",
        "[/AVAILABLE_TOOLS]",
        "[TOOL_CALLS]",
        "[TOOL_RESULTS]",
        "[/TOOL_RESULTS]",
    ),
    Family.EXAONE: ("[BOS]", "[|tool|]"),
    Family.PHI: ("<|system|>", "<|assistant|>"),
    Family.GLM: ("[gMASK]", "<sop>", "<|system|>", "<|assistant|>"),
    Family.DEEPSEEK: ("<｜begin▁of▁sentence｜>", "<｜tool▁calls▁begin｜>"),
    Family.COMMAND: ("<|SYSTEM_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>", "<BOS_TOKEN>"),
}
#: Headers of the assistant's turn that a server may repeat before the answer: no end.
LEAD_INS: tuple[str, ...] = (
    "<|begin_of_text|>",
    "<|start_header_id|>assistant<|end_header_id|>",
    "<|header_start|>assistant<|header_end|>",
    "<|im_start|>assistant",
    "<bos>",
    "<start_of_turn>model",
    "<|turn>model",
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "[/INST]",
    "[|assistant|]",
    "<|assistant|>",
)

#: The first that matches decides: distilled models carry two names, and the later is the base.
_NAMES: tuple[tuple[str, Family], ...] = (
    (r"llama-?4", Family.LLAMA4),
    (r"bllossom|llama-?3|llama3", Family.LLAMA3),
    (r"qwen|qwq|smollm|hermes|\byi-|solar|kanana|internlm", Family.CHATML),
    (r"gemma", Family.GEMMA),
    (r"gpt-?oss", Family.GPT_OSS),
    (r"mi[sx]tral|magistral|ministral", Family.MISTRAL),
    (r"exaone", Family.EXAONE),
    (r"hyperclova", Family.HYPERCLOVA),
    (r"\bphi-?\d", Family.PHI),
    (r"\bglm-?\d", Family.GLM),
    (r"deepseek", Family.DEEPSEEK),
    (r"command-", Family.COMMAND),
)


def family_of(names: Iterable[str]) -> Family | None:
    """The family of a model by its names, the first that says it; None where none does."""
    for name in names:
        for pattern, family in _NAMES:
            if re.search(pattern, name, re.IGNORECASE):
                return family
    return None


def typed_markers(family: Family | None) -> tuple[str, ...]:
    """The control strings that are broken in what people type: the family's, or all."""
    families = tuple(Family) if family is None else (family,)
    found = [
        marker for one in families for marker in (*END_MARKERS[one], *_PROMPT_MARKERS.get(one, ()))
    ]
    return tuple(dict.fromkeys(found))


def end_markers(family: Family | None, known: Iterable[str] = ()) -> tuple[str, ...]:
    """The strings that end an answer: the family's, those ``known`` otherwise, or else all."""
    own = (*(END_MARKERS[family] if family else ()), *known)
    return tuple(dict.fromkeys(own)) or ALL_END_MARKERS
