"""Every form into which words are typed keeps them when its session has ended."""

from __future__ import annotations

import re
from pathlib import Path

from bot.admin.login.access import rule_for
from bot.admin.routes import ROUTES

TEMPLATES = Path(__file__).parents[5] / "bot/admin/web/templates"
_FORM = re.compile(r'<form[^>]*method="post"[^>]*action="\{\{ url\(\'(\w+)\'.*?</form>', re.DOTALL)
_TYPED = re.compile(
    r'<textarea|\{\{ (?:reason|why|fields|control)\(|name="(?:reason|note|q|name|question)"'
)
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
#: Nobody is logged in yet, or what is typed is a secret: it never comes back in a page.
_SECRET = re.compile(r'password_field\(|type="password"|name="code"')


def test_every_form_with_words_keeps_them() -> None:
    """A new form with words: say ``keeps_text=True`` beside its view."""
    typed = set()
    for path in TEMPLATES.glob("*.html"):
        for form in _FORM.finditer(path.read_text("utf-8")):
            fields = _HIDDEN.sub("", form[0])
            if _TYPED.search(fields) and not _SECRET.search(fields):
                typed.add(form[1])
    views = {
        route.kwargs["name"]: rule_for(route.handler)
        for route in ROUTES
        if route.method == "POST" and "name" in route.kwargs
    }
    by_path = {route.path: rule_for(route.handler) for route in ROUTES if route.method == "POST"}
    paths = {route.kwargs["name"]: route.path for route in ROUTES if "name" in route.kwargs}
    rules = {name: views.get(name) or by_path.get(paths[name]) for name in typed}
    assert len(rules) > 15
    assert sorted(name for name, rule in rules.items() if not rule or not rule.keeps_text) == []
