"""Every text function takes CPU time linear in its text, up to the largest text that reaches it."""

from __future__ import annotations

import ast
import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.admin.login.login_page import own_path
from bot.admin.reviews.diff import changes
from bot.admin.search.fields import all_fields
from bot.admin.search.suggestions import suggest
from bot.admin.turns.excerpt import excerpt
from bot.admin.turns.filters import read_search
from bot.domain.messenger import Refusal
from bot.domain.turns import clean_text
from bot.http.errors import MAX_BODY_BYTES
from bot.http.outbound import MAX_REPLY_BYTES, Reply, allowed, host_of
from bot.messengers.generic.message import read_message
from bot.messengers.generic.settings import GenericSettings
from bot.messengers.kakao.adapter import judge_callback
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import read_skill
from bot.messengers.parsing import MAX_JAMO, digest, identifier, json_object, read_text
from bot.messengers.slack.rich_text import mrkdwn
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.slash_command import read_command, read_form
from bot.store.reviews.reading import MAX_TEXT_CHARS
from bot.store.search.folding import folded, grams
from bot.store.search.words import Word
from bot.text.splitting import shorten, split, utf16_units
from inference_worker.prompt.chat_template import KNOWN_MARKERS, neutralise
from tests.support.linear_time import TextFunction, assert_linear

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 11, 26, tzinfo=UTC)
#: The longest message that settings allow.
MAX_CHARS = 20_000
#: An answer has at most 8,192 tokens, of up to four characters in most languages.
MAX_ANSWER_CHARS = 32_768
#: What the simulator's page shows of a message in Slack's own markup.
MAX_SLACK_CHARS = 40_000
#: aiohttp's bound on the first line of a request.
MAX_LINE_CHARS = 8190


def kakao(text: str) -> object:
    user = {"id": text}
    document = {
        "userRequest": {"utterance": text, "user": user, "callbackUrl": text},
        "bot": {"id": text},
        "action": {"clientExtra": {"command": text, "fetch_turn": text}},
    }
    settings = KakaoSettings(_env_file=None)
    return read_skill(document, NOW, settings, max_chars=MAX_CHARS)


def generic(text: str) -> object:
    fields = {"conversation": text, "user": text, "text": text, "idempotency_key": "k"}
    body = json.dumps(fields).encode()
    settings = GenericSettings(_env_file=None)
    try:
        return read_message(body, NOW, settings, signature="", wait_s=0, max_chars=MAX_CHARS)
    except Refusal as refusal:
        return refusal


def slack(text: str) -> object:
    fields = dict.fromkeys(("user_id", "channel_id", "team_id", "text", "trigger_id"), text)
    fields["response_url"] = "https://hooks.slack.com/commands/x"
    settings = SlackSettings(_env_file=None)
    return read_command(fields, NOW, settings, max_chars=MAX_CHARS)


def refused(text: str) -> object:
    try:
        return json_object(text)
    except Refusal as refusal:
        return refusal


def form(text: str) -> object:
    try:
        return read_form(text.encode("utf-8", "replace").decode())
    except (Refusal, ValueError) as error:
        return error


async def nothing(_field: str) -> list[str]:
    return []


def suggested(text: str) -> object:
    return asyncio.run(suggest(text, FIELDS, nothing))


def searched(text: str) -> object:
    form = {"q": text, "messenger": text, "from": text}
    return read_search(form, FIELDS, datetime(2026, 11, 20, tzinfo=UTC))


def kakao_reply(text: str) -> object:
    body = json.dumps({"status": text, "message": text}).encode()
    return judge_callback(Reply(status=200, body=body, headers={}))


def compared(text: str) -> object:
    """A text and the same one with its halves exchanged: most of it has changed its place."""
    half = len(text) // 2
    return changes(text, text[half:] + text[:half])


def body(name: str, call: object, *, times: int = 1) -> TextFunction:
    """A function of a text that stands so many times in one request's body."""
    return TextFunction(name, call, MAX_BODY_BYTES // times, in_bytes=True)  # type: ignore[arg-type]


FIELDS = all_fields({})

FUNCTIONS = (
    # Requests. A text that stands in several fields shares the body's megabyte.
    body("read_text", lambda text: read_text(text, MAX_CHARS)),
    body("identifier", identifier),
    body("digest", digest),
    body("json_object", refused),
    body("read_form", form),
    body("kakao.read_skill", kakao, times=6),
    body("generic.read_message", generic, times=6),
    body("slack.read_command", slack, times=5),
    body("allowed", lambda text: allowed(f"https://{text}", (".kakao.com",))),
    body("host_of", host_of),
    TextFunction("clean_text", clean_text, MAX_CHARS * MAX_JAMO),
    TextFunction("own_path", lambda text: own_path("/admin/" + text), MAX_LINE_CHARS),
    TextFunction("read_search", searched, MAX_LINE_CHARS),
    # Answers.
    TextFunction("clean_text of an answer", clean_text, MAX_ANSWER_CHARS),
    TextFunction("utf16_units", utf16_units, MAX_ANSWER_CHARS),
    TextFunction("split", lambda text: list(split(text, 900)), MAX_ANSWER_CHARS),
    TextFunction("split by units", lambda t: list(split(t, 900, utf16_units)), MAX_ANSWER_CHARS),
    TextFunction("shorten", lambda text: shorten(text, 3800, utf16_units), MAX_ANSWER_CHARS),
    TextFunction("folded", folded, MAX_ANSWER_CHARS),
    TextFunction("grams", grams, MAX_ANSWER_CHARS),
    TextFunction(
        "suggest", lambda text: asyncio.run(suggest(text, FIELDS, nothing)), MAX_LINE_CHARS
    ),
    TextFunction("excerpt", lambda text: excerpt(text, [Word(text[-9:])]), MAX_ANSWER_CHARS),
    TextFunction("changes", compared, MAX_TEXT_CHARS),
    TextFunction("kakao.judge_callback", kakao_reply, MAX_REPLY_BYTES // 12),
    TextFunction("slack.mrkdwn", mrkdwn, MAX_SLACK_CHARS),
    TextFunction("neutralise", lambda text: neutralise(text, KNOWN_MARKERS), MAX_ANSWER_CHARS),
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_cpu_time_is_linear(function: TextFunction) -> None:
    assert_linear(function)


def test_quadratic_work_is_noticed() -> None:
    def pairs(text: str) -> int:
        return sum(text.count("a") for _ in text)

    with pytest.raises(AssertionError, match="pairs"):
        assert_linear(TextFunction("pairs", pairs, 6_000), examples=1)


def test_text_is_normalized_in_one_place_alone() -> None:
    normalizing = {
        str(path.relative_to(ROOT))
        for package in ("bot", "inference_queue", "inference_worker", "onebox", "runtime")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "unicodedata.normalize"
    }
    assert normalizing == {"bot/domain/normal_form.py"}
