"""A table that is wider than a phone is scrolled by keyboard too, whatever it holds."""

from __future__ import annotations

import re
from pathlib import Path

from bot.admin.web import pages

TEMPLATES = Path(pages.__file__).parent / "templates"
#: The elements that scroll by themselves (style.css, watch.css).
SCROLLED = re.compile(r'<div class="(?:table|scroll)\b[^"]*"[^>]*>')


def test_what_scrolls_by_itself_can_be_reached_by_keyboard_and_has_a_name() -> None:
    found = [
        f"{path.name}: {tag}"
        for path in TEMPLATES.glob("*.html")
        for tag in SCROLLED.findall(path.read_text("utf-8"))
    ]
    assert len(found) > 10
    assert not [tag for tag in found if 'tabindex="0"' not in tag or "aria-label=" not in tag]
