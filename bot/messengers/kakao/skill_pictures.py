"""Pictures in a skill request: an ordinary photo, or the answer of the secure-image plugin.

A photo's URL stands in place of the text (kakao.md 1.5). The plugin's value is a JSON string whose
``secureUrls`` is the text "List(url, url)"; its URLs live for about ten minutes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.http.outbound import MAX_URL_CHARS
from bot.messengers.kakao.skill_document import at, text_at

MAX_PICTURES = 10
#: The longest value of the plugin that is read.
_MAX_PLUGIN_CHARS = (MAX_PICTURES + 1) * MAX_URL_CHARS

_URL = re.compile(r"https?://(\S+)", re.IGNORECASE)
_LIST = re.compile(r"\s*List\((.*)\)\s*", re.DOTALL)
_HOSTS = (".kakaocdn.net", ".talk.kakao.com")
_FILES = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".heic")


def holds_pictures(document: dict[str, Any], text: str) -> bool:
    """Whether a picture or a file came in place of a text, readable or not."""
    if at(document, "userRequest", "params", "media"):
        return True
    if at(document, "flow", "trigger", "type") == "IMAGE_UPLOAD":
        return True
    return is_picture_url(text) or any(_plugin_values(document))


def picture_urls(document: dict[str, Any], text: str) -> tuple[str, ...]:
    """The pictures' URLs in order, each once, at most MAX_PICTURES; their hosts are unchecked."""
    urls = dict.fromkeys(url for url in _urls(document, text) if 0 < len(url) <= MAX_URL_CHARS)
    return tuple(urls)[:MAX_PICTURES]


def is_picture_url(text: str) -> bool:
    """Whether the text is a URL of one of Kakao's picture hosts, or of a picture file."""
    url = _URL.fullmatch(text) if len(text) <= MAX_URL_CHARS else None
    if url is None:
        return False
    host, _, path = url[1].lower().partition("/")
    if path and host.endswith(_HOSTS):
        return True
    return any(part.endswith(_FILES) for part in url[1].lower().split("?"))


def _urls(document: dict[str, Any], text: str) -> Iterator[str]:
    media = at(document, "userRequest", "params", "media")
    for one in media[:MAX_PICTURES] if isinstance(media, list) else [media]:
        url = at(one, "url")
        if isinstance(url, str):
            yield url
    if is_picture_url(text):
        yield text
    for value in _plugin_values(document):
        yield from _secure_urls(value)


def _plugin_values(document: dict[str, Any]) -> Iterator[str]:
    """The values that look like the plugin's, of the parameters and of their details."""
    params, details = at(document, "action", "params"), at(document, "action", "detailParams")
    values = list(params.values()) if isinstance(params, dict) else []
    if isinstance(details, dict):
        values += [at(detail, "origin") for detail in details.values()]
    for value in values:
        if isinstance(value, str) and '"secureUrls"' in value:
            yield value


def _secure_urls(value: str) -> Iterator[str]:
    if len(value) > _MAX_PLUGIN_CHARS:
        return
    try:
        plugin = json.loads(value)
    except (ValueError, RecursionError):
        return
    listed = _LIST.fullmatch(text_at(plugin, "secureUrls") if isinstance(plugin, dict) else "")
    for url in listed[1].split(",") if listed else ():
        yield url.strip()
