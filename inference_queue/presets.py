"""The known models, with the exact prompt and sampling of their cards.

Standard library only: the bot reads the system prompt and the sampling from here.
Source: the model cards of MLP-KTLim on the Hugging Face hub, November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference_queue.protocol import SamplingParams

DEFAULT_PRESET = "bllossom-8b"
DEMO_PRESET = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A model with its recommended prompt and sampling."""

    model: str
    system_prompt: str
    sampling: SamplingParams
    context_window: int
    stop_tokens: tuple[str, ...]  #: in addition to the tokenizer's eos token
    demo: bool = False


PRESETS: dict[str, Preset] = {
    "bllossom-8b": Preset(
        model="MLP-KTLim/llama-3-Korean-Bllossom-8B",
        system_prompt=(
            "You are a helpful AI assistant. Please answer the user's questions kindly. "
            "당신은 유능한 AI 어시스턴트 입니다. 사용자의 질문에 대해 친절하게 답변해주세요."
        ),
        sampling=SamplingParams(temperature=0.6, top_p=0.9, max_new_tokens=2048),
        context_window=8192,
        stop_tokens=("<|eot_id|>",),
    ),
    "llama3-bllossom": Preset(
        model="MLP-KTLim/llama3-Bllossom",
        system_prompt=(
            "당신은 유용한 AI 어시스턴트입니다. 사용자의 질의에 대해 친절하고 정확하게 "
            "답변해야 합니다.\nYou are a helpful AI assistant, you'll need to answer users' "
            "queries in a friendly and accurate manner."
        ),
        sampling=SamplingParams(
            temperature=0.6, top_p=0.9, repetition_penalty=1.1, max_new_tokens=2048
        ),
        context_window=8192,
        stop_tokens=("<|eot_id|>",),
    ),
    "demo": Preset(
        model="SmolLM2-135M-Instruct",
        system_prompt="You are a helpful AI assistant named SmolLM, trained by Hugging Face",
        sampling=SamplingParams(
            temperature=0.2, top_p=0.9, repetition_penalty=1.1, max_new_tokens=200
        ),
        context_window=8192,
        stop_tokens=("<|im_end|>",),
        demo=True,
    ),
}
