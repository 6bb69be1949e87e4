"""Settings are drafted, compared, published and rolled back on the dashboard."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.configs.keys import MAX_TYPED_PROMPT_CHARS
from bot.configs.versions import as_object
from bot.domain.audit import AuditAction
from bot.domain.bot_config import Scope
from bot.domain.dashboard_users import Role
from bot.store import bot_configs, config_drafts
from bot.store.config_drafts import MAX_DRAFTS, TooManyDraftsError
from inference_queue.worker_registry import Heartbeat, WorkerState, WorkerStatus
from runtime.redis_client import connect_redis
from tests.integration.bot.admin.bot_settings.pages import (
    PAGES,
    ROOM,
    hidden,
    publish,
    publish_past_the_pages,
    save_draft,
    shown,
)
from tests.support.admin import Client, StartAdmin, add_user, log_in, send
from tests.support.audit import logged


async def live(database: AsyncEngine) -> dict[str, Any]:
    """What the room sets now."""
    async with database.connect() as connection:
        rows = await bot_configs.at_version(connection, [Scope(**ROOM)])
    return as_object(rows[0].values) if rows else {}


async def test_a_draft_counts_nowhere_until_it_is_published(
    operator: Client, database: AsyncEngine
) -> None:
    assert await save_draft(operator, system_prompt="너는 상담원이야.", history_turns="3") == 303
    assert await live(database) == {}
    html = await shown(operator)
    assert "너는 상담원이야." in html
    assert (await publish(operator))[0] == 303
    assert await live(database) == {"system_prompt": "너는 상담원이야.", "history_turns": 3}
    history = await shown(operator, "history")
    assert "더 공손하게" in history
    assert "시스템 프롬프트" in history
    assert "admin" in history
    done = await shown(operator, done="published")
    assert "5초 안에 모든 봇에 적용됩니다" in done
    assert 'name="revision" value=""' in done, "the draft is gone"
    acts = {entry.action: entry for entry in await logged(database)}
    assert acts[AuditAction.DRAFT_SAVED].object == "config:slack/T1/C1"
    published = acts[AuditAction.CONFIG_PUBLISHED]
    assert published.reason == "더 공손하게"
    assert json.loads(published.details)["keys"] == ["history_turns", "system_prompt"]
    assert "상담원" not in str(published.details)


async def test_bad_input_is_a_sentence_beside_its_field_and_all_that_was_typed_stays(
    operator: Client, database: AsyncEngine
) -> None:
    html = await shown(operator)
    typed = {
        "system_prompt": "<script>alert(1)</script>\n둘째 줄",
        "max_new_tokens": "많이",
        "texts.about": "중괄호 {",
        "texts.failed": "가" * 901,
        "preset": "nope",
        "ai_notice": "maybe",
    }
    base, revision = hidden(html, "base"), hidden(html, "revision")
    response = await send(operator, f"{PAGES}/draft", base=base, revision=revision, **ROOM, **typed)
    assert response.status == 400
    page = await response.text()
    for sentence in (
        "표시한 칸 5개를 고쳐 주세요",
        "1부터 32,768까지의 정수를 숫자로 입력해 주세요.",
        "중괄호의 짝이 맞지 않습니다.",
        "901자입니다. 900자까지 쓸 수 있습니다.",
        "목록에 있는 값을 골라 주세요.",
        "켬과 끔 가운데 하나를 골라 주세요.",
    ):
        assert sentence in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n둘째 줄" in page
    assert 'value="많이"' in page
    assert "가" * 901 in page
    assert "<script>alert" not in page
    async with database.connect() as connection:
        assert await config_drafts.list_of(connection, "admin") == []


async def test_the_longest_texts_fit_into_the_form(operator: Client, database: AsyncEngine) -> None:
    prompt = "🙂" * MAX_TYPED_PROMPT_CHARS
    texts = dict.fromkeys(("texts.about", "texts.help", "texts.failed", "texts.busy"), "가" * 900)
    assert await save_draft(operator, ROOM, system_prompt=prompt, **texts) == 303
    assert (await publish(operator))[0] == 303
    assert (await live(database))["system_prompt"] == prompt


async def test_of_two_editors_the_later_is_told_and_nothing_is_overwritten(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await publish_past_the_pages(
        database, ("slack", "T1", "C1"), {"system_prompt": "처음", "history_turns": 9}
    )
    await add_user(database, "lee", Role.ADMIN)
    kim, lee = await start_admin(database), await start_admin(database)
    await log_in(kim)
    await log_in(lee, user="lee")
    await save_draft(kim, system_prompt="김의 글")
    await save_draft(lee, system_prompt="이의 글", preset="demo")
    assert "lee 님도 이 범위의 초안을 쓰고 있습니다" in await shown(kim)
    late_page = await shown(kim, "compare")
    assert (await publish(lee))[0] == 303
    fields = {name: hidden(late_page, name) for name in ("owner", "revision")}
    late = await send(kim, f"{PAGES}/publish", note="늦음", **ROOM, **fields)
    assert late.status == 409
    told = await late.text()
    assert "그사이 다른 사람이 새 버전(2)을 게시했습니다" in told
    assert "<del>이의</del> 글" in told
    assert "<ins>김의</ins> 글" in told
    assert (await live(database))["system_prompt"] == "이의 글"
    revision = hidden(await shown(kim), "revision")
    moved = await send(kim, f"{PAGES}/draft/move", revision=revision, **ROOM)
    after = await (await kim.get(moved.headers["Location"])).text()
    assert "다른 사람도 바꾼 설정은 초안의 값으로 두었습니다: 시스템 프롬프트" in after
    assert (await publish(kim))[0] == 303
    assert await live(database) == {
        "system_prompt": "김의 글",
        "preset": "demo",
        "history_turns": 9,
    }


async def test_two_windows_of_one_user_do_not_overwrite_each_other(operator: Client) -> None:
    await save_draft(operator, system_prompt="하나")
    stale = await shown(operator)
    await save_draft(operator, system_prompt="둘")
    fields = {"base": "0", "revision": hidden(stale, "revision"), **ROOM}
    late = await send(operator, f"{PAGES}/draft", system_prompt="셋", **fields)
    assert late.status == 409
    page = await late.text()
    assert "다른 창에서 이 초안이 먼저 바뀌었습니다" in page
    assert "<del>둘</del>" in page
    assert "<ins>셋</ins>" in page
    assert "\n셋</textarea>" in page
    fields["revision"] = hidden(page, "revision")
    saved = await send(operator, f"{PAGES}/draft", system_prompt="셋", **fields)
    assert saved.status == 303
    assert "\n셋</textarea>" in await shown(operator)


async def test_an_old_version_comes_back_as_a_new_one(
    operator: Client, database: AsyncEngine
) -> None:
    first = await publish_past_the_pages(
        database, ("slack", "T1", "C1"), {"system_prompt": "옛 글", "tone": 1}
    )
    await publish_past_the_pages(database, ("slack", "T1", "C1"), {"system_prompt": "새 글"})
    page = await shown(operator, "compare", **{"from": "live", "to": str(first)})
    assert "<del>새</del> 글" in page
    assert "<ins>옛</ins> 글" in page
    fields = {"version": str(first), "seen": hidden(page, "seen"), **ROOM}
    assert (await send(operator, f"{PAGES}/restore", note=" ", **fields)).status == 400
    done = await send(operator, f"{PAGES}/restore", note="말투가 나빴음", **fields)
    assert done.status == 303
    assert await live(database) == {"system_prompt": "옛 글", "tone": 1}
    again = await send(operator, f"{PAGES}/restore", note="한 번 더", **fields)
    assert again.status == 409, "somebody has published since that page was shown"
    history = await shown(operator, "history")
    assert f"버전 {first}(으)로 되돌림" in history
    assert "말투가 나빴음" in history
    restored = next(e for e in await logged(database) if e.action == AuditAction.CONFIG_RESTORED)
    assert (restored.reason, json.loads(restored.details)["restores"]) == ("말투가 나빴음", first)


async def test_a_version_that_the_scope_never_had_is_not_found(
    operator: Client, database: AsyncEngine
) -> None:
    other = await publish_past_the_pages(database, ("kakao",), {"history_turns": 1})
    await publish_past_the_pages(database, ("slack", "T1", "C1"), {"history_turns": 2})
    for name in (str(other), "999", "-1", "x", "9" * 40):
        response = await operator.get(f"{PAGES}/compare", params=ROOM | {"to": name})
        assert response.status == 404, name
    fields = {"version": str(other), "seen": "2", "note": "왜", **ROOM}
    assert (await send(operator, f"{PAGES}/restore", **fields)).status == 404
    assert await live(database) == {"history_turns": 2}


async def test_a_reviewer_drafts_an_admin_publishes_and_a_viewer_reads(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "lee", Role.REVIEWER)
    await add_user(database, "choi", Role.VIEWER)
    lee, choi, admin = [await start_admin(database) for _ in range(3)]
    await log_in(lee, user="lee")
    await log_in(choi, user="choi")
    await log_in(admin)
    await save_draft(lee, preset="demo")
    own = await shown(lee, "compare")
    assert "게시와 되돌리기는 관리자가 합니다." in own
    assert "/publish" not in own
    seen = await shown(choi)
    assert '<fieldset class="card" disabled>' in seen
    assert "초안 저장" not in seen
    refused = await choi.get(f"{PAGES}/compare", params=ROOM | {"owner": "lee"})
    assert refused.status == 403
    page = await shown(admin, "compare", owner="lee")
    fields = {name: hidden(page, name) for name in ("owner", "revision")}
    done = await send(admin, f"{PAGES}/publish", note="검토했음", **ROOM, **fields)
    assert done.status == 303
    assert await live(database) == {"preset": "demo"}
    entry = next(e for e in await logged(database) if e.action == AuditAction.CONFIG_PUBLISHED)
    assert (entry.actor, json.loads(entry.details)["owner"]) == ("admin", "lee")


async def test_what_was_seen_is_published_or_nothing(
    operator: Client, database: AsyncEngine
) -> None:
    await save_draft(operator, preset="demo")
    seen = hidden(await shown(operator, "compare"), "revision")
    await save_draft(operator, preset="bllossom-8b")
    status, _page = await publish(operator, revision=seen)
    assert status == 409
    assert await live(database) == {}
    status, page = await publish(operator, note="  ")
    assert status == 400
    assert "왜 바꾸는지 사유를 입력해 주세요" in page


async def test_scopes_are_listed_the_wider_before_the_closer(
    operator: Client, database: AsyncEngine
) -> None:
    hostile = "<b>방</b>"
    await publish_past_the_pages(database, ("slack", "T1", hostile), {"thread_rule": "always"})
    await publish_past_the_pages(database, ("slack",), {"history_turns": 1})
    await publish_past_the_pages(database, (), {"preset": "demo"})
    version = await publish_past_the_pages(
        database, ("slack", "T1", hostile), {"thread_rule": "never", "new": 1}
    )
    page = await (await operator.get(PAGES)).text()
    words = re.findall(r'class="scope"><a[^>]*>([^<]*)</a>', page)
    assert words == ["전체", "Slack 전체", "Slack · T1 · &lt;b&gt;방&lt;/b&gt;"]
    assert f"config:{version}" in page or f"config%3A{version}" in page
    assert "스레드에서 답하기" in page
    assert "kim" in page


async def test_the_list_goes_on_behind_the_last_scope_of_a_page(
    operator: Client, database: AsyncEngine
) -> None:
    for number in range(52):
        await publish_past_the_pages(
            database, ("kakao", f"bakery-{number:02}"), {"history_turns": number}
        )
    page = await (await operator.get(PAGES)).text()
    assert "bakery-49" in page
    assert "bakery-50" not in page
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    rest = await (await operator.get(following[1].replace("&amp;", "&"))).text()
    assert "bakery-50" in rest
    assert "bakery-51" in rest
    assert "bakery-49" not in rest


async def test_inherited_values_say_where_they_are_from(
    operator: Client, database: AsyncEngine
) -> None:
    wide = await publish_past_the_pages(database, ("slack",), {"system_prompt": "슬랙의 글"})
    page = await shown(operator)
    assert "슬랙의 글" in page
    assert f"Slack 전체 · 버전 {wide}" in page
    assert "BOT_HISTORY_TURNS" in page
    own = await publish_past_the_pages(
        database, ("slack", "T1", "C1"), {"system_prompt": "방의 글"}
    )
    compared = await shown(operator, "compare", **{"from": "inherited", "to": str(own)})
    assert "<del>슬랙의</del> 글" in compared
    assert "<ins>방의</ins> 글" in compared
    assert "기억하는 이전 대화" not in compared, "only what the scope sets"


async def test_values_of_a_newer_program_survive_a_draft_of_this_one(
    operator: Client, database: AsyncEngine
) -> None:
    await publish_past_the_pages(
        database, ("slack", "T1", "C1"), {"tone": "warm", "preset": "new-70b"}
    )
    assert "그대로 두었습니다: preset, tone" in await shown(operator)
    await save_draft(operator, history_turns="2")
    assert "new-70b" not in await shown(operator, "compare"), "no difference"
    assert (await publish(operator))[0] == 303
    assert await live(database) == {"tone": "warm", "preset": "new-70b", "history_turns": 2}


async def test_a_scope_that_cannot_be_is_a_sentence(operator: Client) -> None:
    for query, sentence in (
        ({"messenger": "line"}, "목록에 있는 메신저를 골라 주세요."),
        ({"tenant": "T1"}, "메신저도 골라 주세요."),
        ({"messenger": "slack", "room": "C1"}, "봇이나 워크스페이스도 입력해 주세요."),
        ({"messenger": "slack", "tenant": "T" * 201}, "이름이 너무 깁니다."),
    ):
        response = await operator.get(f"{PAGES}/scope", params=query)
        assert response.status == 400
        assert sentence in await response.text()


async def test_a_discarded_draft_is_gone_and_cannot_be_discarded_twice(
    operator: Client, database: AsyncEngine
) -> None:
    await save_draft(operator, preset="demo")
    revision = hidden(await shown(operator), "revision")
    fields = {**ROOM, "revision": revision}
    assert (await send(operator, f"{PAGES}/draft/discard", **fields)).status == 303
    assert (await send(operator, f"{PAGES}/draft/discard", **fields)).status == 409
    assert (await send(operator, f"{PAGES}/publish", note="왜", **fields)).status == 409
    assert await live(database) == {}


async def test_a_user_keeps_a_bounded_number_of_drafts(database: AsyncEngine) -> None:
    async with database.begin() as connection:
        for number in range(MAX_DRAFTS):
            scope = Scope("kakao", f"b{number}")
            await config_drafts.add(connection, "kim", scope, {}, base_version=0)
        with pytest.raises(TooManyDraftsError):
            await config_drafts.add(connection, "kim", Scope("slack"), {}, base_version=0)
        await config_drafts.add(connection, "lee", Scope("slack"), {}, base_version=0)


async def test_hostile_words_stay_words_on_every_page(
    operator: Client, database: AsyncEngine
) -> None:
    hostile = '"><script>alert(1)</script>{{ 7*7 }}'
    room = {"messenger": "slack", "tenant": hostile, "room": hostile}
    await publish_past_the_pages(database, ("slack",), {"system_prompt": hostile, hostile: 1})
    assert await save_draft(operator, room, system_prompt=hostile + "\n끝") == 303
    compared = await shown(operator, "compare", **room)
    assert (await publish(operator, hostile, room))[0] == 303
    pages = [await shown(operator, page, **room) for page in ("scope", "history")]
    wide = {"messenger": "slack", "tenant": "", "room": ""}
    pages += [await shown(operator, "compare", **wide, **{"from": "0", "to": "live"})]
    pages += [compared, await (await operator.get(PAGES)).text()]
    for page in pages:
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


async def test_any_two_versions_are_compared(operator: Client, database: AsyncEngine) -> None:
    room = ("slack", "T1", "C1")
    for words in ("하나 둘", "하나 셋", "하나 넷"):
        await publish_past_the_pages(database, room, {"system_prompt": words})
    page = await shown(operator, "compare", **{"from": "1", "to": "2"})
    assert "하나 <del>둘</del>" in page
    assert "하나 <ins>셋</ins>" in page
    assert "/restore" not in page, "a version is restored in place of the live one alone"


async def test_an_adapter_that_no_worker_has_is_said_before_it_goes_live(
    start_admin: StartAdmin, database: AsyncEngine, redis_url: str
) -> None:
    missing = "support 어댑터를 가진 워커가 지금 없습니다"
    worker = WorkerStatus(id="w1", state=WorkerState.READY, adapters=("sales",), by_adapters=True)
    async with connect_redis(redis_url) as redis:
        await Heartbeat(redis, worker="w1").publish(worker)
        client = await start_admin(database, redis_url=redis_url)
        await log_in(client)
        assert await save_draft(client, adapter="support") == 303
        html = await shown(client)
        assert '<option value="sales"><option value="none">' in html
        assert missing in html
        assert missing in await shown(client, "compare")
        assert missing in await shown(client, "sandbox")
        assert (await publish(client))[0] == 303
        assert (await live(database))["adapter"] == "support"
    for known in ("sales", "none"):
        assert await save_draft(client, adapter=known) == 303
        assert "워커가 지금 없습니다" not in await shown(client)
    assert await save_draft(client, adapter="상담") == 400
