from __future__ import annotations

import jinja2
import pytest

from bot.http.compiled_templates import CompiledTemplates


def environment(texts: dict[str, str], compiled: CompiledTemplates) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.DictLoader(texts), bytecode_cache=compiled, autoescape=True
    )


def test_a_template_is_compiled_once_for_two_applications(monkeypatch: pytest.MonkeyPatch) -> None:
    texts, compiled = {"page": "{{ word }}!"}, CompiledTemplates()
    assert environment(texts, compiled).get_template("page").render(word="안녕") == "안녕!"
    monkeypatch.delattr(jinja2.Environment, "compile")
    assert environment(texts, compiled).get_template("page").render(word="다시") == "다시!"


def test_another_text_of_the_same_name_is_compiled_again() -> None:
    compiled = CompiledTemplates()
    assert environment({"page": "전"}, compiled).get_template("page").render() == "전"
    assert environment({"page": "후"}, compiled).get_template("page").render() == "후"
