"""The evaluation is tested with the real demo model, too."""

from __future__ import annotations

from tests.support.models import demo_cache, demo_dir, demo_template, demo_tokenizer

__all__ = ["demo_cache", "demo_dir", "demo_template", "demo_tokenizer"]
