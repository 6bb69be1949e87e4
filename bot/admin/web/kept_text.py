"""A form that could not be taken, with all that was typed into it: nothing is lost.

The browser keeps the text, in the page that it gets back; the server stores nothing.
"""

from __future__ import annotations

from aiohttp import web

from bot.admin.web.forms import read_form
from bot.admin.web.pages import page

#: More than any form of the dashboard has.
MAX_FIELDS = 40
#: Longer values are shown; shorter ones of one line are mostly what a button or a list sends.
_SHOWN_CHARS = 40
#: Fields of words, which are shown however short they are.
_WORDS = frozenset({"name", "note", "q", "question", "reason", "system_prompt"})


async def kept_text_page(
    request: web.Request, sentence: str, *, token: str = "", is_logged_in: bool = True
) -> web.Response:
    """The posted fields on a page of their own, with the reason above; nothing was changed.

    ``token``: with it they can be sent again; that of the ended session proves whose they are.
    """
    fields = {name: text for name, text in (await read_form(request)).items() if name != "csrf"}
    shown = dict(list(fields.items())[:MAX_FIELDS])
    texts = {name: text for name, text in shown.items() if _is_typed(name, text)}
    return page(
        request,
        "kept_text.html",
        403,
        sentence=sentence,
        address=str(request.rel_url),
        hidden={name: text for name, text in shown.items() if name not in texts},
        texts=texts,
        token=token,
        is_logged_in=is_logged_in,
    )


def _is_typed(name: str, text: str) -> bool:
    is_words = name in _WORDS and text.strip()
    return bool(is_words) or len(text) > _SHOWN_CHARS or "\n" in text
