"""The language of the pages: Korean, or English for those who chose it.

The Korean sentence is its own key: what has no English twin yet is shown in Korean.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.admin.web.english.catalog import ENGLISH

#: By their tags (RFC 5646), with their own names.
LANGUAGES = {"ko": "한국어", "en": "English"}
DEFAULT = "ko"
#: Of the header: more preferences than anybody has.
_MAX_PREFERENCES = 20

_chosen: ContextVar[str] = ContextVar("language", default=DEFAULT)


@web.middleware
async def from_browser(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Choose what the browser asks for; a user's own choice follows with the session.

    Always: a connection's requests share one context.
    """
    _chosen.set(preferred(request.headers.get("Accept-Language", "")))
    return await handler(request)


def choose(language: str | None) -> None:
    """Choose for the rest of this request; None: leave it as the browser asks."""
    if language in LANGUAGES:
        _chosen.set(language)


def chosen() -> str:
    """The tag of the request's language."""
    return _chosen.get()


def translate(korean: str, /, **values: Any) -> str:
    """The sentence in the request's language, with ``{names}`` replaced by the values.

    Templates and views know it as ``_``.
    """
    sentence = ENGLISH.get(korean, korean) if _chosen.get() == "en" else korean
    return sentence.format(**values) if values else sentence


def preferred(header: str) -> str:
    """The known language that an Accept-Language header (RFC 9110, 12.5.4) prefers."""
    weights: dict[str, float] = {}
    for preference in header.split(",", _MAX_PREFERENCES)[:_MAX_PREFERENCES]:
        tag, _, parameter = preference.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES:
            weights[language] = max(weights.get(language, 0), _weight(parameter))
    best = max(weights, key=lambda language: weights[language], default=DEFAULT)
    return best if weights.get(best) else DEFAULT


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0
