"""The presets against the model cards, written out here as the cards have them."""

from __future__ import annotations

import pytest

from inference_queue.presets import DEFAULT_PRESET, DEMO_PRESET, PRESETS

CARDS = {
    "bllossom-8b": {
        "model": "MLP-KTLim/llama-3-Korean-Bllossom-8B",
        "system_prompt": (
            "You are a helpful AI assistant. Please answer the user's questions kindly. "
            "당신은 유능한 AI 어시스턴트 입니다. 사용자의 질문에 대해 친절하게 답변해주세요."
        ),
        "repetition_penalty": 1.0,
    },
    "llama3-bllossom": {
        "model": "MLP-KTLim/llama3-Bllossom",
        "system_prompt": (
            "당신은 유용한 AI 어시스턴트입니다. 사용자의 질의에 대해 친절하고 정확하게 답변해야 "
            "합니다.\nYou are a helpful AI assistant, you'll need to answer users' queries in a "
            "friendly and accurate manner."
        ),
        "repetition_penalty": 1.1,
    },
}


@pytest.mark.parametrize("key", CARDS)
def test_preset_is_what_the_card_says(key: str) -> None:
    preset, card = PRESETS[key], CARDS[key]
    assert preset.model == card["model"]
    assert preset.system_prompt == card["system_prompt"]
    assert preset.sampling.temperature == 0.6
    assert preset.sampling.top_p == 0.9
    assert preset.sampling.top_k == 0
    assert preset.sampling.repetition_penalty == card["repetition_penalty"]
    assert preset.sampling.max_new_tokens == 2048
    assert preset.context_window == 8192
    assert preset.stop_tokens == ("<|eot_id|>",)
    assert not preset.demo


def test_the_models_that_see_are_those_of_the_public_cards() -> None:
    seeing = PRESETS["bllossom-vision-8b"]
    assert seeing.model == "Bllossom/llama-3.1-Korean-Bllossom-Vision-8B"
    assert seeing.system_prompt.startswith("You are a versatile AI assistant named Bllava, ")
    assert "블라바입니다. 사용자의 질문이 텍스트에 관한 것이든" in seeing.system_prompt
    assert (seeing.sampling.temperature, seeing.sampling.top_p) == (0.6, 0.9)
    other = PRESETS["bllossom-aica-5b"]
    assert other.model == "Bllossom/llama-3.2-Korean-Bllossom-AICA-5B"
    assert (other.sampling.temperature, other.sampling.max_new_tokens) == (0.1, 256)
    assert seeing.stop_tokens == other.stop_tokens == ("<|eot_id|>",)


def test_the_card_of_bllossom_is_the_default_and_only_the_demo_is_one() -> None:
    assert DEFAULT_PRESET == "bllossom-8b"
    assert [key for key, preset in PRESETS.items() if preset.demo] == [DEMO_PRESET]
