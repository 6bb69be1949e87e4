"""The presets that see against the hub itself: run only where it is in reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import hf_hub_download
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from inference_queue.presets import PRESETS
from inference_worker.engines.local.vision import FAMILIES
from inference_worker.engines.registry import weights_within_reach

#: The presets that see, and whether the batch shows them pictures; the others answer one at a time.
SEEING = {"bllossom-vision-8b": True, "bllossom-aica-5b": False}


def test_all_presets_that_see_are_compared() -> None:
    assert set(SEEING) == {key for key, preset in PRESETS.items() if preset.vision}


@pytest.mark.parametrize("key", SEEING)
def test_a_preset_that_sees_is_on_the_hub_and_of_the_family_it_says(key: str) -> None:
    model = PRESETS[key].model
    if not weights_within_reach(model):
        pytest.skip("the Hugging Face hub is out of reach: the presets that see are not compared")
    config = json.loads(Path(hf_hub_download(model, "config.json")).read_text())
    assert "vision_config" in config
    assert (config["model_type"] in FAMILIES) == SEEING[key]
    assert config["model_type"] in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
