"""Photos and the secure-image plugin: the URLs of the pictures, whatever else is there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.messengers.kakao.skill_pictures import MAX_PICTURES, holds_pictures, picture_urls

PHOTO = "https://talk.kakaocdn.net/dn/a/b/img.jpg?credential=x"


def plugin(urls: list[str], **fields: Any) -> dict[str, Any]:
    value = {
        "privacyAgreement": "Y",
        "imageQuantity": str(len(urls)),
        "secureUrls": f"List({', '.join(urls)})",
        "expire": "2026-11-26T12:00:00",
        **fields,
    }
    return {"action": {"params": {"secureimage": json.dumps(value)}}}


def test_a_photo_has_one_url_though_it_stands_twice() -> None:
    document = {"userRequest": {"params": {"media": {"type": "image", "url": PHOTO}}}}
    assert holds_pictures(document, PHOTO)
    assert picture_urls(document, PHOTO) == (PHOTO,)


def test_the_url_in_place_of_a_text_is_enough() -> None:
    assert picture_urls({}, "http://dn-m.talk.kakao.com/talkm/abc/i_0123") == (
        "http://dn-m.talk.kakao.com/talkm/abc/i_0123",
    )


def test_all_urls_of_the_plugin_are_read_in_order() -> None:
    urls = [f"https://secure.kakaocdn.net/x{n}" for n in range(3)]
    document = plugin(urls)
    assert holds_pictures(document, "사진 보내기")
    assert picture_urls(document, "사진 보내기") == tuple(urls)


def test_the_plugins_value_may_stand_in_the_details() -> None:
    value = plugin(["https://secure.kakaocdn.net/x"])["action"]["params"]["secureimage"]
    document = {"action": {"detailParams": {"secureimage": {"origin": value}}}}
    assert picture_urls(document, "") == ("https://secure.kakaocdn.net/x",)


def test_the_number_of_pictures_is_bounded() -> None:
    document = plugin([f"https://secure.kakaocdn.net/{n}" for n in range(50)])
    assert len(picture_urls(document, "")) == MAX_PICTURES


@pytest.mark.parametrize(
    "value",
    [
        '{"secureUrls": null}',
        '{"secureUrls": "https://x/y"}',
        '{"secureUrls": "List()"}',
        '{"secureUrls"',
        '["secureUrls"]',
        '"secureUrls"',
        '{"secureUrls": ' + "[" * 3000,
    ],
)
def test_an_unreadable_plugin_is_still_no_text(value: str) -> None:
    document = {"action": {"params": {"secureimage": value}}}
    assert holds_pictures(document, "안녕") == ('"secureUrls"' in value)
    assert picture_urls(document, "안녕") == ()


def test_an_upload_without_a_url_is_recognized() -> None:
    assert holds_pictures({"flow": {"trigger": {"type": "IMAGE_UPLOAD"}}}, "사진")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["media", "url", "params", "secureUrls"]), inner)
        ),
        max_leaves=8,
    ),
    st.text(max_size=60),
)
def test_no_document_breaks_the_reading(value: Any, text: str) -> None:
    for document in (
        {"userRequest": {"params": value}},
        {"action": {"params": value, "detailParams": value}},
        {"action": value, "flow": value},
    ):
        holds_pictures(document, text)
        assert len(picture_urls(document, text)) <= MAX_PICTURES
