"""Pages without the indentation of their templates."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from bot.admin.web import template_loading
from bot.admin.web.template_loading import TemplateLoader

TEMPLATES = sorted((Path(template_loading.__file__).parent / "templates").glob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_loses_its_indentation_and_nothing_that_is_shown(path: Path) -> None:
    environment = jinja2.Environment(loader=TemplateLoader("bot.admin.web"), autoescape=True)
    source, _, _ = TemplateLoader("bot.admin.web").get_source(environment, path.name)
    written = path.read_text("utf-8")
    assert source.split() == written.split()
    assert not re.search(r"^[ \t]", source, re.MULTILINE)
    strings = [value for _, kind, value in environment.lex(written) if kind == "string"]
    assert not [value for value in strings if "\n" in value]
