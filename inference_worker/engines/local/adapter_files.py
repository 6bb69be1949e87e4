"""The files of an adapter's folder."""

from __future__ import annotations

#: As peft names them.
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
#: Beside the weights that `python -m training` makes: among others, the base and its fingerprint.
TRAINING = "training.json"
