"""Addresses of every page of the dashboard over a year's log, the worst that each has.

A page of ``bot.admin.routes`` that stands neither here nor in ``NO_PAGES`` ends the bench.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import quote

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.year_rows import (
    DATASETS,
    EVALUATIONS,
    PERSON,
    REPLAYS,
    ROOM,
    ROOM_TENANT,
    TENANT,
)
from bot.admin.charts.windows import LENGTHS
from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.admin.routes import ROUTES
from bot.admin.turns.filters import Cursor
from bot.admin.web.labels import KST
from bot.domain.turns import Person
from bot.store.reading.room import Room

_SCOPE = "messenger=slack&tenant=T1&room=C7"
#: Below ``/admin``, by the route's pattern; names in braces are of ``find_names``.
ADDRESSES: Mapping[str, tuple[str, ...]] = {
    "/": ("/", "/?q={word}", "/?q=review:bad", "/?q=review:disputed", "/?after={deep}"),
    "/conversations/{id}": (
        "/conversations/{conversation}", "/conversations/{conversation}?before={middle}",
    ),
    "/people/{key}": ("/people/{person}",),
    "/people/{key}/rights": ("/people/{person}/rights",),
    "/rooms/{key}": ("/rooms/{room}",),
    "/turns/{id}": ("/turns/{turn}",),
    "/turns/{id}/prompt": ("/turns/{turn}/prompt",),
    "/turns/{id}/texts/{name}": ("/turns/{turn}/texts/answer",),
    "/turns/{id}/request": ("/turns/{turn}/request",),
    "/reviews": ("/reviews",),
    "/reviews/new": ("/reviews/new?q=feedback:bad",),
    "/reviews/queues/{id}": (
        "/reviews/queues/1", "/reviews/queues/2", "/reviews/queues/3",
        "/reviews/queues/1?part=disputed", "/reviews/queues/1?part=open",
        "/reviews/queues/2?part=done", "/reviews/queues/2?after={item}",
    ),
    "/reviews/turns/{id}": ("/reviews/turns/{judged}?queue=1", "/reviews/turns/{last}?queue=3"),
    "/agreement": ("/agreement", "/agreement?queue=1"),
    "/charts": tuple(f"/charts?range={length}" for length in LENGTHS),
    "/charts/{name}": (
        "/charts/volume?range=7d", "/charts/volume?range=90d", "/charts/latency-whole?range=7d",
    ),
    "/alerts": ("/alerts",),
    "/live": ("/live",),
    "/workers": ("/workers",),
    "/dead-letters": ("/dead-letters", "/dead-letters?messenger=generic&state=failed"),
    "/replays": ("/replays",),
    "/replays/new": ("/replays/new?q={word}",),
    "/replays/{id}": (f"/replays/{REPLAYS}", f"/replays/{REPLAYS - 1}"),
    "/replays/{id}/compare": (f"/replays/{REPLAYS}/compare",),
    "/exports": ("/exports",),
    "/exports/{id}": ("/exports/2000",),
    "/datasets": ("/datasets",),
    "/datasets/{id}": (f"/datasets/{DATASETS - 1}", f"/datasets/{DATASETS}"),
    "/datasets/{id}/items": (
        f"/datasets/{DATASETS}/items", f"/datasets/{DATASETS - 1}/items?split=test&after=8",
    ),
    "/evaluations": ("/evaluations",),
    "/evaluations/{id}": (f"/evaluations/{EVALUATIONS}",),
    "/evaluations/{id}/pairs": (
        f"/evaluations/{EVALUATIONS}/pairs", f"/evaluations/{EVALUATIONS}/pairs?after=100",
    ),
    "/opt-outs": ("/opt-outs",),
    "/account": ("/account",),
    "/account/second-factor": ("/account/second-factor",),
    "/users": ("/users",),
    "/users/{id}": ("/users/2",),
    "/audit": (
        "/audit", "/audit?action=login", "/audit?user=admin&action=login_refused",
        "/audit?from=2026-01-01&to=2026-01-02", "/audit?action=login_refused",
    ),
    "/audit/report": ("/audit/report", "/audit/report?month={month}"),
    "/bot-settings": ("/bot-settings",),
    "/bot-settings/scope": (f"/bot-settings/scope?{_SCOPE}",),
    "/bot-settings/compare": ("/bot-settings/compare?messenger=slack&tenant=T1&room=C8",),
    "/bot-settings/history": (f"/bot-settings/history?{_SCOPE}",),
    "/bot-settings/sandbox": (f"/bot-settings/sandbox?{_SCOPE}",),
    "/retention": ("/retention",),
    "/blocked": ("/blocked",),
    "/erasures": ("/erasures",),
    "/erasures/{id}": ("/erasures/{receipt}",),
    "/search/suggestions": ("/search/suggestions?token={field}:",),
}  # fmt: skip
#: A stream, files, redirects, and what is met on the way in.
NO_PAGES = frozenset({
    "", "/live/events", "/replays/{id}/export", "/turns/{id}/pictures/{number}",
    "/static/{name}", "/login", "/login/code", "/login/oidc", "/login/oidc/callback",
})  # fmt: skip

_NAMES = """
    SELECT
        (SELECT conversation_id FROM turns WHERE sender = :person GROUP BY 1
         ORDER BY count(*) DESC LIMIT 1) AS conversation,
        (SELECT count(*) / 50 FROM turns) / 2 AS middle,
        (SELECT id FROM turns WHERE sender = :person AND answer IS NOT NULL
         ORDER BY received_at DESC LIMIT 1) AS turn,
        (SELECT turn_id FROM review_items WHERE queue_id = 1 ORDER BY id DESC LIMIT 1) AS judged,
        (SELECT turn_id FROM review_items WHERE queue_id = 3 ORDER BY id DESC LIMIT 1) AS last,
        (SELECT turn_id FROM judged_turns WHERE disputed AND NOT authoritative
         ORDER BY received_at DESC LIMIT 1) AS disputed,
        (SELECT max(id) - 100 FROM review_items WHERE queue_id = 2) AS item,
        (SELECT id FROM erasures ORDER BY erased_at LIMIT 1) AS receipt
"""
_DEEP = "SELECT received_at, id FROM turns ORDER BY received_at, id OFFSET 100 LIMIT 1"


def unknown_pages() -> set[str]:
    """Patterns of GET routes that the bench does not know, and those it knows that are gone."""
    patterns = {route.path for route in ROUTES if route.method == "GET"}
    return patterns ^ ({*ADDRESSES} | NO_PAGES)


def addresses(names: Mapping[str, str]) -> dict[str, str]:
    """The address of each page and variant, by its template."""
    templates = [template for of_page in ADDRESSES.values() for template in of_page]
    return {template: template.format(**names) for template in templates}


async def find_names(connection: AsyncConnection, password: str) -> dict[str, str]:
    """What the addresses name."""
    keys = ObjectKeys(Password("admin", password).session_key())
    person = Person(messenger="kakao", tenant=TENANT, sender=PERSON)
    row = (await connection.execute(text(_NAMES), {"person": PERSON})).one()
    deep = (await connection.execute(text(_DEEP))).one()
    return {name: str(value) for name, value in row._asdict().items()} | {
        "person": keys.of_person(person),
        "room": keys.of_room(Room(messenger="slack", tenant=ROOM_TENANT, name=ROOM)),
        "word": quote("주말"),
        "field": quote("작업공간"),
        "deep": quote(str(Cursor(deep.received_at, deep.id))),
        "month": f"{datetime.now(KST) - timedelta(days=31):%Y-%m}",
    }
