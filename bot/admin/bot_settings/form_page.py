"""The page of one scope: its form, and what is live, drafted and inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from bot.admin.bot_settings.announced import adapter_warning, names_of
from bot.admin.bot_settings.comparison import Difference
from bot.admin.bot_settings.desk import Desk
from bot.admin.bot_settings.fields import form_groups
from bot.admin.bot_settings.scopes import is_reviewer, talks_address, words_of
from bot.admin.web.pages import page


def form_page(
    request: web.Request,
    desk: Desk,
    typed: Mapping[str, str],
    status: int = 200,
    *,
    problems: Mapping[str, str] | None = None,
    base: int | None = None,
    sentence: str = "",
    differences: Sequence[Difference] = (),
) -> web.Response:
    """Render the form with what was typed.

    ``problems``: a sentence by setting. ``base``: the version that the form began with; None: the
    draft's, or the live one. ``differences``: between a draft saved elsewhere and what was typed.
    """
    version = desk.draft.base_version if desk.draft else desk.version
    return page(
        request,
        "bot_settings_scope.html",
        status,
        desk=desk,
        scope=desk.scope,
        scope_query=desk.scope._asdict(),
        spread=desk.spread,
        talks=talks_address(request, desk.scope),
        scope_words=words_of(request, desk.scope),
        groups=form_groups(typed, problems or {}, desk.live, desk.inherited, names_of(request)),
        warning=adapter_warning(request, typed.get("adapter") or desk.inherited["adapter"].value),
        words_of=lambda scope: words_of(request, scope),
        base=version if base is None else base,
        is_reviewer=is_reviewer(request),
        sentence=sentence,
        is_bad=status >= 400,
        differences=differences,
    )
