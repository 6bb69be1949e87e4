"""The menu: sections, and the pages of the section that one is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.admin.login.identity import USER
from bot.admin.web.language import translate as _
from bot.domain.dashboard_users import Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu: its label and its route's name.

    ``below``: further first segments of paths whose pages belong to it.
    """

    label: str
    route: str
    role: Role = Role.VIEWER
    below: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """Pages of one task."""

    label: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the menu; ``is_current``: one is on this page, or on one below it."""

    label: str
    url: str
    is_current: bool


SECTIONS = (
    Section(
        "대화 기록",
        (
            Entry(
                "대화 목록",
                "turns",
                below=("conversations", "turns", "people", "rooms", "searches"),
            ),
            Entry("실시간", "live"),
            Entry("전송 실패 답변", "dead_letters"),
        ),
    ),
    Section(
        "검토",
        (Entry("검토 대기열", "review_queues"), Entry("검토자 일치도", "review_agreement")),
    ),
    Section(
        "개선",
        (
            Entry("답변 비교", "replays"),
            Entry("모델 평가", "evaluations"),
            Entry("데이터 세트", "datasets", Role.REVIEWER),
            Entry("내보낸 파일", "exports", Role.REVIEWER),
            Entry("학습에서 제외한 사람", "opt_outs", Role.ADMIN),
        ),
    ),
    Section("봇 설정", (Entry("봇 설정", "bot_settings"),)),
    Section(
        "운영",
        (Entry("차트", "charts"), Entry("워커", "workers"), Entry("알림", "alerts")),
    ),
    Section(
        "개인정보",
        (
            Entry("보관 기간", "retention", Role.ADMIN),
            Entry("차단한 사용자", "blocked", Role.ADMIN),
            Entry("삭제한 사용자", "erasures", Role.ADMIN),
        ),
    ),
    Section(
        "관리",
        (Entry("사용자들", "users", Role.ADMIN), Entry("접속기록", "audit", Role.ADMIN)),
    ),
)


def menu(request: web.Request) -> tuple[list[Link], list[Link]]:
    """The sections, and the pages of the current one, that the request's user may open."""
    user = request.get(USER)
    if user is None:
        return [], []
    sections, pages = [], []
    for section in SECTIONS:
        entries = [entry for entry in section.entries if user.role.includes(entry.role)]
        links = [_link(request, entry) for entry in entries]
        if not links:
            continue
        is_current = any(link.is_current for link in links)
        sections.append(Link(_(section.label), links[0].url, is_current))
        if is_current:
            pages = links
    return sections, pages


def _link(request: web.Request, entry: Entry) -> Link:
    url = str(request.app.router[entry.route].url_for())
    here = _first_segment(request, request.path)
    return Link(_(entry.label), url, here in (_first_segment(request, url), *entry.below))


def _first_segment(request: web.Request, path: str) -> str:
    root = str(request.app.router["turns"].url_for())
    return path.removeprefix(root).partition("/")[0]
