"""A form that could not be taken, with all that was typed into it: nothing is lost."""

from __future__ import annotations

from aiohttp import web

from bot.admin.web.forms import read_form
from bot.admin.web.pages import page

#: More than any form of the dashboard has.
MAX_FIELDS = 20


async def kept_text_page(
    request: web.Request, sentence: str, *, sendable: bool = False
) -> web.Response:
    """The posted fields on a page of their own, with the reason above; nothing was changed.

    ``sendable``: they can be sent again, once the user has logged in elsewhere. The token is of no
    use then, so the view's ``when_stale`` shows them in its own form first.
    """
    fields = {name: text for name, text in (await read_form(request)).items() if name != "csrf"}
    shown = dict(list(fields.items())[:MAX_FIELDS])
    texts = {name: text for name, text in shown.items() if len(text) > 40 or "\n" in text}
    return page(
        request,
        "kept_text.html",
        403,
        sentence=sentence,
        address=str(request.rel_url),
        hidden={name: text for name, text in shown.items() if name not in texts},
        texts=texts,
        sendable=sendable,
    )
