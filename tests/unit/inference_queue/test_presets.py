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


def test_the_card_of_bllossom_is_the_default_and_only_the_demo_is_one() -> None:
    assert DEFAULT_PRESET == "bllossom-8b"
    assert [key for key, preset in PRESETS.items() if preset.demo] == [DEMO_PRESET]
