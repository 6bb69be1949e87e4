"""Slack's entities in the texts of people."""

from __future__ import annotations

import pytest

from bot.messengers.slack.message_text import (
    first_mentioned,
    mentions,
    mentions_anybody,
    readable,
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("<@UBOT> 안녕", "안녕"),
        ("안녕 <@UBOT|봇>!", "안녕 !"),
        ("<@U2> 어때?", "@U2 어때?"),
        ("<@U2|영희> 어때?", "@영희 어때?"),
        ("<#C1|잡담>에서 봐", "#잡담에서 봐"),
        ("<!here> 모두", "@here 모두"),
        ("<!subteam^S1|@dev>", "@@dev"),
        ("<!date^1392734382^{date}|어제>", "@어제"),
        ("<https://a.kr>", "https://a.kr"),
        ("<https://a.kr|누리집>", "누리집 (https://a.kr)"),
        ("<https://a.kr|a.kr>", "https://a.kr"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("&amp;lt;", "&lt;"),
        ("a <b c> d", "a <b c> d"),
        ("가 < 나", "가 < 나"),
        ("```\n&lt;div&gt;\n```", "```\n<div>\n```"),
        ("", ""),
    ],
)
def test_entities_become_what_a_person_reads(raw: str, text: str) -> None:
    assert readable(raw, bot_user="UBOT") == text


@pytest.mark.parametrize(
    ("raw", "user"),
    [
        ("<@UBOT> 안녕", "UBOT"),
        ("  <@UBOT|봇>안녕", "UBOT"),
        ("<@UBOT><@U2>", "UBOT"),
        ("안녕 <@UBOT>", ""),
        ("<@UBOT 안녕", ""),
        ("<#C1> 안녕", ""),
        ("<@u1> 안녕", ""),
        ("", ""),
    ],
)
def test_the_user_is_found_whose_mention_begins_the_text(raw: str, user: str) -> None:
    assert first_mentioned(raw) == user


def test_without_knowing_itself_the_bot_keeps_its_mention() -> None:
    assert readable("<@UBOT> 안녕") == "@UBOT 안녕"


def test_mentions_are_told_apart() -> None:
    assert mentions("<@UBOT|x> 안녕", "UBOT")
    assert not mentions("<@UBOTX> 안녕", "UBOT")
    assert not mentions("<@> 안녕", "")
    assert mentions_anybody("야 <@U2>")
    assert not mentions_anybody("<#C1> <!here> <@>")
