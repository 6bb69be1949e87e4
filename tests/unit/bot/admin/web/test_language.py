"""Every sentence of the dashboard has an English twin, and the language is what was asked for."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from bot.admin.web import english, language
from bot.admin.web.english.catalog import ENGLISH
from bot.admin.web.language import LANGUAGES, preferred, translate
from tests.support.admin import Client, csrf_of

ADMIN = Path(language.__file__).parents[1]
HANGUL = re.compile("[ㄱ-ㆎ가-힣]")
#: The languages' own names, and the words of the search box, which understands both languages.
NOT_TRANSLATED = {"한국어", "초", "분", "오늘", "어제", "시간", "채널", "사람", "투표"}
NOT_TRANSLATED |= {"설정버전", "실패사유", "종료사유"}
#: Told by the messengers' plugins, not by the dashboard.
NAMES_OF_MESSENGERS = {"카카오톡", "사내 메신저"}


def template_sentences() -> Iterator[tuple[str, str, bool]]:
    """Each text with Hangul in a template: the file, the text, whether ``_`` translates it."""
    for path in sorted((ADMIN / "web/templates").glob("*.html")):
        tree = Environment(autoescape=True).parse(path.read_text("utf-8"))
        marked = set()
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                for one in call.args:
                    if isinstance(one, nodes.Const):
                        marked.add(id(one))
        for data in tree.find_all(nodes.TemplateData):
            if HANGUL.search(data.data):
                yield path.name, data.data, False
        for one in tree.find_all(nodes.Const):
            if isinstance(one.value, str) and HANGUL.search(one.value):
                yield path.name, one.value, id(one) in marked


def python_sentences() -> Iterator[tuple[str, str]]:
    """Each text with Hangul in a module that is no docstring."""
    for path in sorted(ADMIN.rglob("*.py")):
        if "english" in path.parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        nodes_ = list(ast.walk(tree))
        docs = {
            ast.get_docstring(one, clean=False) for one in nodes_ if isinstance(one, documented)
        }
        texts = (one.value for one in nodes_ if isinstance(one, ast.Constant))
        sentences = (text for text in texts if isinstance(text, str) and "\\d" not in text)
        for text in sentences:
            if HANGUL.search(text) and text not in docs:
                yield str(path.relative_to(ADMIN)), text


def test_every_sentence_of_a_template_is_translated() -> None:
    found = list(template_sentences())
    assert len(found) > 100
    assert [one for one in found if not one[2]] == []
    assert [one for one in found if one[1] not in ENGLISH] == []


def test_every_sentence_of_a_view_has_a_twin() -> None:
    found = list(python_sentences())
    assert len(found) > 100
    assert [one for one in found if one[1] not in ENGLISH and one[1] not in NOT_TRANSLATED] == []


def test_no_twin_is_left_over_and_none_holds_hangul() -> None:
    used = {text for _, text, _ in template_sentences()} | {text for _, text in python_sentences()}
    assert set(ENGLISH) - used - NAMES_OF_MESSENGERS == set()
    assert [english for english in ENGLISH.values() if HANGUL.search(english) or not english] == []


def test_no_sentence_has_two_twins() -> None:
    """The later one would count in both places: a sentence of two pages stands in ``SHARED``."""
    modules = sorted(Path(english.__path__[0]).glob("*.py"))
    keys = [
        key.value
        for module in modules
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    ]
    assert len(keys) > 1000
    assert [key for key, count in Counter(keys).items() if count > 1] == []


@pytest.mark.parametrize("korean", sorted(key for key in ENGLISH if "{" in key))
def test_twins_have_the_same_values_to_fill_in(korean: str) -> None:
    assert sorted(re.findall(r"\{\w+\}", korean)) == sorted(re.findall(r"\{\w+\}", ENGLISH[korean]))


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("EN-gb", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.5", "en"),
        ("fr", "ko"),
        ("en;q=0", "ko"),
        ("en;q=x", "ko"),
        ("en;q=nan,ko;q=0.1", "ko"),
        ("en;q=9", "ko"),
        ("*", "ko"),
        (",;,=;q", "ko"),
        ("x," * 5000 + "en", "ko"),
    ],
)
def test_the_browser_is_believed_where_it_says_something(header: str, tag: str) -> None:
    assert preferred(header) == tag


def test_without_a_twin_the_korean_sentence_stands() -> None:
    language.choose("en")
    assert translate("없는 문장 {n}", n=1) == "없는 문장 1"
    assert translate("역할") == "Role"
    language.choose("fr")
    assert language.chosen() == "en"
    language.choose("ko")
    assert translate("역할") == "역할"
    assert set(LANGUAGES) == {"ko", "en"}


async def test_the_login_page_speaks_the_browsers_language_on_one_connection_too(
    stranger: Client,
) -> None:
    for header, tag, word in (
        ("en", "en", "User name"),
        ("ko", "ko", "아이디"),
        ("", "ko", "아이디"),
    ):
        response = await stranger.get("/admin/login", headers={"Accept-Language": header})
        html = await response.text()
        assert f'<html lang="{tag}">' in html
        assert word in html
        assert csrf_of(html)
