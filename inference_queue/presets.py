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
    vision: bool = False  #: the model sees pictures


_BLLOSSOM_V = (
    "You are a versatile AI assistant named Bllava, capable of both understanding and generating "
    "text as well as interpreting and analyzing images. Your role is to kindly and effectively "
    "answer the user\u2019s questions, whether they are about text or images, and provide "
    "appropriate and helpful responses to all types of queries.\n\n"
    "당신은 텍스트를 이해하고 생성하는 것뿐만 아니라 이미지를 해석하고 분석할 수 있는 다재다능한 "
    "AI 어시스턴트 블라바입니다. 사용자의 질문이 텍스트에 관한 것이든 이미지에 관한 것이든 "
    "친절하고 효과적으로 답변하며, 모든 유형의 질의에 대해 적절하고 유용한 응답을 제공하는 것이 "
    "당신의 역할입니다."
)

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
    # LLaVA-NeXT on Llama 3.1: the local engine shows it pictures, and so do vLLM and SGLang.
    "bllossom-vision-8b": Preset(
        model="Bllossom/llama-3.1-Korean-Bllossom-Vision-8B",
        system_prompt=_BLLOSSOM_V,
        sampling=SamplingParams(temperature=0.6, top_p=0.9, max_new_tokens=2048),
        context_window=8192,
        stop_tokens=("<|eot_id|>",),
        vision=True,
    ),
    # Mllama: the local engine answers one at a time; a server is faster. Its card names no system
    # prompt.
    "bllossom-aica-5b": Preset(
        model="Bllossom/llama-3.2-Korean-Bllossom-AICA-5B",
        system_prompt=(
            "당신은 유능한 AI 어시스턴트 입니다. 사용자의 질문에 대해 친절하게 답변해주세요."
        ),
        sampling=SamplingParams(temperature=0.1, max_new_tokens=256),
        context_window=8192,
        stop_tokens=("<|eot_id|>",),
        vision=True,
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
