"""What the person who installs the app reads in the browser: Korean first, then English."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape

from bot.messengers.slack.installing.scopes import Scope

#: Of every page: it loads nothing, is kept by nobody and tells no other site its address.
PAGE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page with its HTTP status."""

    status: int
    title: str
    text: str
    english_title: str
    english_text: str
    detail: str = ""  #: a word for the operator, in no language

    def html(self) -> str:
        """The page as HTML; texts are escaped here."""
        detail = f"<p><code>{escape(self.detail)}</code></p>" if self.detail else ""
        return (
            '<!doctype html><html lang="ko"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>{escape(self.title)}</title></head><body>"
            f"<h1>{escape(self.title)}</h1><p>{escape(self.text)}</p>"
            f'<div lang="en"><h2>{escape(self.english_title)}</h2>'
            f"<p>{escape(self.english_text)}</p></div>{detail}</body></html>"
        )


DENIED = Page(
    status=403,
    title="설치를 취소했어요",
    text="워크스페이스는 그대로예요. 다시 설치하려면 설치 링크를 한 번 더 열어 주세요.",
    english_title="The installation was cancelled",
    english_text="Nothing has changed in the workspace. To install the app, open the link again.",
)
STALE = Page(
    status=400,
    title="이 설치 화면은 이제 쓸 수 없어요",
    text=(
        "10분이 지났거나, 이미 설치를 마쳤거나, 설치를 시작한 브라우저가 아니에요. "
        "Slack의 앱 목록에 앱이 없으면 이 브라우저에서 설치 링크를 다시 열어 주세요."
    ),
    english_title="This page cannot be used any more",
    english_text=(
        "Ten minutes have passed, the installation is complete already, or it began in another "
        "browser. If Slack does not list the app, open the link again in this browser."
    ),
)
REFUSED = Page(
    status=400,
    title="Slack이 설치를 마치지 못했어요",
    text=(
        "설치 링크를 다시 열어 주세요. 이 화면이 또 나오면 봇을 관리하는 분께 알려 주세요. "
        "아래에 단어가 있으면 그것도 함께 전해 주세요."
    ),
    english_title="Slack did not complete the installation",
    english_text=(
        "Open the link again. If this page comes back, tell whoever runs the bot, with the word "
        "below if there is one."
    ),
)
UNAVAILABLE = Page(
    status=503,
    title="지금은 설치할 수 없어요",
    text="잠시 문제가 생겼어요. 몇 분 뒤에 설치 링크를 다시 열어 주세요.",
    english_title="The app cannot be installed just now",
    english_text="Something is out of order. Open the link again in a few minutes.",
)
INSTALLED = Page(
    status=200,
    title="설치를 마쳤어요",
    text="이제 Slack에서 봇에게 메시지를 보내거나, 채널에 초대해서 불러 보세요.",
    english_title="The app is installed",
    english_text="Write to the bot in Slack, or invite it into a channel and mention it.",
)
_FAILURES = {
    "access_denied": DENIED,
    "invalid_browser": STALE,
    "invalid_state": STALE,
    "storage_error": UNAVAILABLE,
}


def failure_page(reason: str) -> Page:
    """The page for bolt's reason, or for the error that Slack has put into the URL."""
    return _FAILURES.get(reason) or replace(REFUSED, detail=error_word(reason))


def error_word(reason: str) -> str:
    """A reason as Slack writes them, else "": anybody may write the URL."""
    return reason if re.fullmatch(r"[a-z_]{1,60}", reason) else ""


def success_page(missing: Sequence[Scope]) -> Page:
    """The app is installed; ``missing``: the scopes that the workspace did not grant."""
    if not missing:
        return INSTALLED
    return replace(
        INSTALLED,
        text=(
            f"{INSTALLED.text} 다만 아래 권한이 허용되지 않아서 일부 기능은 쓸 수 없어요. "
            "관리자가 허용한 뒤에 설치 링크를 다시 열면 모두 쓸 수 있어요."
        ),
        english_text=(
            f"{INSTALLED.english_text} The permissions below were not granted, so a part of it "
            "does not work. Once an administrator allows them, open the link again."
        ),
        detail=", ".join(scope.name for scope in missing),
    )
