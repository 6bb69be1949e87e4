"""The dashboard's pages with something on each: for tests over all of them, and for pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from PIL import Image
from playwright.async_api import Page
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.login.password import Password
from bot.admin.reading.keys import ObjectKeys
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.domain.datasets import DatasetKind
from bot.domain.exports import ExportFormat
from bot.domain.replays import Preference
from bot.domain.sandbox import SandboxAnswer, SandboxSide
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym
from bot.store import (
    blocked_people,
    bot_configs,
    config_drafts,
    erasure_orders,
    prompt_settings,
    retention_rules,
    sandbox,
)
from bot.store.datasets import opt_outs, sets
from bot.store.datasets.sets import Recipe
from bot.store.erasure import write_receipt
from bot.store.exports import orders
from bot.store.exports.orders import Order
from bot.store.prompt_settings import PromptSettings
from bot.store.reading.room import Room
from bot.store.replays import reveals, votes
from bot.store.schema import delivery_attempts, feedback, retention_runs, turn_pictures
from inference_queue.protocol import SamplingParams
from tests.support.admin import HASHED, PASSWORD, add_user
from tests.support.datasets import build
from tests.support.evaluations import add_evaluation, changed, comparison
from tests.support.replays import a_feeder, answer_all, feed, order_replay
from tests.support.sample_reviews import add_reviews
from tests.support.sample_statistics import add_statistics
from tests.support.sample_turns import NOON, add_event, add_samples, add_turn, conversation_of


@dataclass(frozen=True, slots=True)
class Shown:
    """A page's picture by its name, and its address below ``/admin``, with ids in braces."""

    name: str
    address: str


#: A room with settings of its own, in addresses.
ROOM = "messenger=slack&tenant=T01&room=C01"
#: By the route's pattern. A new route must be added here or to ``NO_PAGES``.
PAGES = {
    "/": Shown("turns", "/"),
    "/conversations/{id}": Shown("conversation", "/conversations/{conversation}"),
    "/reviews": Shown("review-queues", "/reviews"),
    "/reviews/new": Shown("review-new", "/reviews/new?q=feedback:bad"),
    "/reviews/queues/{id}": Shown("review-queue", "/reviews/queues/{queue}"),
    "/reviews/turns/{id}": Shown("review", "/reviews/turns/{reviewed}?queue={queue}"),
    "/agreement": Shown("agreement", "/agreement"),
    "/turns/{id}": Shown("turn", "/turns/{turn}"),
    "/turns/{id}/prompt": Shown("prompt", "/turns/{turn}/prompt"),
    "/turns/{id}/texts/{name}": Shown("text", "/turns/{turn}/texts/answer"),
    "/turns/{id}/request": Shown("request", "/turns/{turn}/request"),
    "/people/{key}": Shown("person", "/people/{person}"),
    "/rooms/{key}": Shown("room", "/rooms/{room}"),
    "/charts": Shown("charts", "/charts?range=1h"),
    "/charts/{name}": Shown("chart", "/charts/volume?range=1h"),
    "/alerts": Shown("alerts", "/alerts"),
    "/live": Shown("live", "/live"),
    "/workers": Shown("workers", "/workers"),
    "/dead-letters": Shown("dead-letters", "/dead-letters"),
    "/replays": Shown("replays", "/replays"),
    "/replays/new": Shown("replay-new", "/replays/new?q=%ED%99%98%EB%B6%88"),
    "/replays/{id}": Shown("replay", "/replays/{revealed}"),
    "/replays/{id}/compare": Shown("replay-compare", "/replays/{replay}/compare"),
    "/exports": Shown("exports", "/exports"),
    "/exports/{id}": Shown("export", "/exports/{export}"),
    "/datasets": Shown("datasets", "/datasets"),
    "/datasets/{id}": Shown("dataset", "/datasets/{dataset}"),
    "/datasets/{id}/items": Shown("dataset-items", "/datasets/{dataset}/items"),
    "/evaluations": Shown("evaluations", "/evaluations"),
    "/evaluations/{id}": Shown("evaluation", "/evaluations/{evaluation}"),
    "/evaluations/{id}/pairs": Shown("evaluation-pairs", "/evaluations/{evaluation}/pairs"),
    "/opt-outs": Shown("opt-outs", "/opt-outs"),
    "/account": Shown("account", "/account"),
    "/account/second-factor": Shown("second-factor", "/account/second-factor"),
    "/users": Shown("users", "/users"),
    "/users/{id}": Shown("user", "/users/{user}"),
    "/audit": Shown("audit", "/audit"),
    "/audit/report": Shown("audit-report", "/audit/report"),
    "/bot-settings": Shown("bot-settings", "/bot-settings"),
    "/bot-settings/scope": Shown("bot-settings-scope", f"/bot-settings/scope?{ROOM}"),
    "/bot-settings/compare": Shown("bot-settings-compare", f"/bot-settings/compare?{ROOM}"),
    "/bot-settings/history": Shown("bot-settings-history", f"/bot-settings/history?{ROOM}"),
    "/bot-settings/sandbox": Shown("sandbox", f"/bot-settings/sandbox?{ROOM}&both=1"),
    "/people/{key}/rights": Shown("person-rights", "/people/{person}/rights"),
    "/retention": Shown("retention", "/retention"),
    "/blocked": Shown("blocked", "/blocked"),
    "/erasures": Shown("erasures", "/erasures"),
    "/erasures/{id}": Shown("receipt", "/erasures/{receipt}"),
}
#: Of a conversation with kept pictures: its pages differ for who may see them.
PICTURED = {
    "/turns/{id}": Shown("turn-pictures", "/turns/{pictured}"),
    "/conversations/{id}": Shown("conversation-pictures", "/conversations/{pictured_in}"),
}
#: They are read by programs, lead elsewhere, or are met on the way in.
NO_PAGES = {
    "",
    "/search/suggestions",
    "/live/events",
    "/turns/{id}/pictures/{number}",
    "/replays/{id}/export",
    "/static/{name}",
    "/login",
    "/login/code",
    "/login/oidc",
    "/login/oidc/callback",
}


async def add_everything(database: AsyncEngine) -> dict[str, str]:
    """Rows for every page; the ids that addresses name."""
    await add_samples(database)
    now = datetime.now(UTC)
    for number in range(3):
        await add_turn(
            database,
            "오늘 안에 배송되나요?",
            key=f"dead-{number}",
            messenger="slack",
            delivery="failed",
            received_at=now - timedelta(minutes=number),
            expires_at=now + timedelta(hours=1),
        )
    await add_bot_settings(database)
    await add_statistics(database)
    user = await add_user(database, "김하나", Role.REVIEWER)
    keys = ObjectKeys(Password("admin", HASHED).session_key())
    person = Person(messenger="slack", tenant="shop", sender="U7")
    receipt = await add_protection(database, person)
    ids = {
        "conversation": str(await conversation_of(database)),
        "user": str(user),
        "turn": str(await add_read_turn(database, person)),
        "person": keys.of_person(person),
        "receipt": str(receipt),
        "room": keys.of_room(Room(messenger="slack", tenant="shop", name="C7")),
    }
    ids |= await add_reviews(database)
    ids |= await _add_replays(database)
    ids |= await add_pictured_turn(database)
    judged = changed(comparison(), replay=int(ids["replay"]))
    ids["evaluation"] = str(await add_evaluation(database, judged))
    return ids | await _add_dataset(database)


async def _add_dataset(database: AsyncEngine) -> dict[str, str]:
    """One that is built of the judged turns, its order of a file, and a person who is left out."""
    recipe = Recipe(
        name="환불 안내", kind=DatasetKind.SFT, query="", loose=False, preset="", max_tokens=2048
    )
    order = Order(
        author="admin", list="turns", query="q=환불", format=ExportFormat.XLSX,
        reason="월간 점검", language="ko",
    )  # fmt: skip
    async with database.begin() as connection:
        dataset = await sets.make(connection, recipe, author="admin")
        export = await orders.place(connection, order)
        await opt_outs.record(
            connection, person="0" * 32, pseudonym="ab12cd34", author="admin", reason="본인 요청"
        )
    await build(database)
    return {"dataset": str(dataset), "export": str(export)}


async def _add_replays(database: AsyncEngine) -> dict[str, str]:
    """One whose answers the admin compares, and one whose outcome the admin knows."""
    ids = [await order_replay(database, name=name, query="환불") for name in ("새 판", "옛 판")]
    feeder = a_feeder(database)
    await feed(feeder)
    await answer_all(database)
    await feed(feeder)
    async with database.begin() as connection:
        await votes.vote(connection, ids[1], 1, "김하나", Preference.NEW)
        await reveals.reveal(connection, ids[1], "admin")
    return {"replay": str(ids[0]), "revealed": str(ids[1])}


async def add_bot_settings(database: AsyncEngine) -> None:
    """Versions of two scopes, a draft that differs, and an answered question to it."""
    room = Scope("slack", "T01", "C01")
    prompt = "너는 인사팀의 상담원이야.\n짧게 답해.\n오늘은 {date}이야."
    newer = {"system_prompt": f"{prompt}\n모르면 모른다고 해.", "thread_rule": "always"}
    engine = database.execution_options(isolation_level="READ COMMITTED")
    async with engine.begin() as connection:
        await bot_configs.lock(connection)
        for scope, values in ((Scope("slack"), {"history_turns": 10}), (room, {}), (room, newer)):
            await bot_configs.add(connection, scope, values, author="김하나", note="첫 설정")
        version = await bot_configs.newest_version(connection)
        drafted = {**newer, "system_prompt": newer["system_prompt"].replace("짧게", "공손하게")}
        await config_drafts.add(connection, "admin", room, drafted, base_version=version)
        answers = [
            SandboxAnswer(side=side, job_id=uuid4(), preset="bllossom-8b") for side in SandboxSide
        ]
        await sandbox.add(connection, "admin", room, "연차는 며칠이에요?", uuid4(), answers)
        for answer in answers:
            told = replace(answer, answer="15일이에요.", outcome="stop", total_ms=840)
            await sandbox.settle(connection, told)


async def add_protection(database: AsyncEngine, person: Person) -> UUID:
    """Rules, runs, a block and erasures; the id of a receipt."""
    counts = {"turns": 128, "conversations": 2, "jobs": 0, "votes": 3, "quotes": 1}
    async with database.begin() as connection:
        await retention_rules.set_rule(connection, "", "", 365, by="admin")
        await retention_rules.set_rule(connection, "slack", "T0BLLOSSOM", None, by="김하나")
        await connection.execute(
            insert(retention_runs).values(
                [
                    {"until": NOON, "reached_at": NOON, "turns": 12_345, "finished_at": NOON},
                    {"until": NOON, "reached_at": NOON, "turns": 67, "finished_at": None},
                ]
            )
        )
        for one in (person, Person(messenger="kakao", tenant="shop", sender="x")):
            name = pseudonym(one.messenger, one.tenant, one.sender)
            await blocked_people.block(connection, one, name=name, reason="욕설 반복", by="admin")
        await erasure_orders.order(connection, person, name="1a2b3c4d", actor="admin")
        return await write_receipt(connection, person, counts, "admin")


async def add_read_turn(database: AsyncEngine, person: Person) -> UUID:
    """A turn of a thread with everything that a page can show of it."""
    settings = PromptSettings(
        preset="bllossom-8b",
        system_prompt="당신은 쇼핑몰의 친절한 상담원입니다. 모르는 것은 모른다고 말하세요.",
        sampling=SamplingParams(temperature=0.6, top_p=0.9, max_new_tokens=1024),
    )
    second = timedelta(seconds=1)
    thread: dict[str, Any] = {
        "messenger": person.messenger,
        "sender": person.sender,
        "key": "thread:C7:1",
        "room": "C7",
        "address": {"kind": "room", "team": "T1", "channel": "C7", "ts": "1763607600.000100"},
    }
    first = await add_turn(
        database, "환불 규정을 알려 줘", "7일 안에 환불하실 수 있어요.", **thread
    )
    turn = await add_turn(
        database,
        "조금 더 자세히 알려 줘",
        "받으신 날부터 **7일** 안에 신청하시면 됩니다.\n\n1. 주문 내역을 열어 주세요.\n"
        "2. ‘환불 신청’을 눌러 주세요.",
        **thread,
        received_at=NOON + 30 * second,
        regenerates=first,
        prompt_settings=settings.id,
        history_seqs=[1],
        dropped_messages=2,
        config_version=3,
        queued_at=NOON + 31 * second,
        started_at=NOON + 33 * second,
        runs=[
            {"worker": "gpu-1", "at": (NOON + 33 * second).isoformat()},
            {"worker": "gpu-2", "at": (NOON + 36 * second).isoformat()},
        ],
        first_token_ms=900.0,
        total_ms=5_200.0,
        settled_at=NOON + 42 * second,
        finish_reason="length",
    )
    attempts = [
        {
            "turn_id": turn,
            "claim": number,
            "via": "post",
            "state": state,
            "detail": detail,
            "claimed_at": NOON + (42 + 3 * number) * second,
            "recorded_at": NOON + (43 + 3 * number) * second,
        }
        for number, (state, detail) in enumerate(
            [("pending", "HTTP 429"), ("delivered", "HTTP 200")]
        )
    ]
    vote = {"turn_id": turn, "voter": "U7", "vote": "bad", "reasons": ["format"], "note": "길어요"}
    async with database.begin() as connection:
        await prompt_settings.keep(connection, [settings], kept=())
        await connection.execute(insert(delivery_attempts).values(attempts))
        await connection.execute(insert(feedback).values(vote))
    await add_event(database, "human_called", NOON + 50 * second, key="thread:C7:1", actor="U7")
    return turn


async def add_pictured_turn(database: AsyncEngine) -> dict[str, str]:
    """A question with a broad and a tall picture, which an operator keeps."""
    key = "pictures"
    turn = await add_turn(
        database,
        "[사진]\n이 화면에서 무엇을 눌러야 하나요?",
        "‘환불 신청’ 단추를 눌러 주세요.",
        key=key,
        media=[{"type": "image"}, {"type": "image"}],
    )
    async with database.begin() as connection:
        for position, size in enumerate([(1024, 160), (120, 1024)]):
            picture = {
                "turn_id": turn,
                "position": position,
                "media_type": "image/jpeg",
                "data": _jpeg(size),
                "kept_until": datetime.now(UTC) + timedelta(days=7),
            }
            await connection.execute(insert(turn_pictures).values(picture))
    return {"pictured": str(turn), "pictured_in": str(await conversation_of(database, key))}


def _jpeg(size: tuple[int, int]) -> bytes:
    drawn = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(drawn, "JPEG")
    return drawn.getvalue()


async def unmask(page: Page, home: str, conversation: str) -> None:
    """Through the form on the conversation's page, as an admin does."""
    await page.goto(f"{home}/conversations/{conversation}")
    form = page.locator("form[action$='/unmask']")
    reason = form.locator("input[name=reason]")
    if not await reason.is_visible():
        await page.locator("details:has(form[action$='/unmask']) > summary").click()
    await reason.fill("환불 화면 확인")
    await reason.press("Enter")
    await page.wait_for_load_state()


async def log_in(page: Page, home: str) -> None:
    """Through the form, as a person does."""
    await page.goto(f"{home}/")
    await page.fill("#user", "admin")
    await page.fill("#password", PASSWORD)
    await page.press("#password", "Enter")
    await page.wait_for_url(f"{home}/")


async def begin_second_factor(page: Page, home: str) -> None:
    """Its page shows a secret that a form on another page asks for."""
    await page.goto(f"{home}/account")
    await page.fill("#on-current", PASSWORD)
    await page.press("#on-current", "Enter")
    await page.wait_for_url(f"{home}/account/second-factor")
