"""The pages of a turn: its steps, its words, its texts, its prompt, its request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.domain.audit import AuditAction
from bot.domain.dashboard_users import Role
from bot.store import prompt_settings
from bot.store.prompt_settings import PromptSettings
from bot.store.schema import delivery_attempts, feedback
from inference_queue.protocol import SamplingParams
from tests.integration.bot.admin.reading.test_conversation import read
from tests.support.admin import Client, StartAdmin, add_user, log_in
from tests.support.audit import logged
from tests.support.sample_turns import NOON, add_turn, conversation_of

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=y>{{ 7*7 }}'&"
SETTINGS = PromptSettings(
    preset="bllossom-8b",
    system_prompt="당신은 친절한 상담원입니다.",
    sampling=SamplingParams(temperature=0.7, stop=("<끝>",)),
)
PAGES = ("", "/prompt", "/request", "/texts/question", "/texts/answer")


async def keep(database: AsyncEngine, *settings: PromptSettings) -> None:
    async with database.begin() as connection:
        await prompt_settings.keep(connection, settings, kept=())


async def add_attempts(database: AsyncEngine, turn_id: UUID, *outcomes: tuple[str, str]) -> None:
    async with database.begin() as connection:
        for number, (state, detail) in enumerate(outcomes, 1):
            row = {
                "turn_id": turn_id,
                "claim": number,
                "via": "post",
                "state": state,
                "detail": detail,
                "claimed_at": NOON + timedelta(seconds=10 * number),
                "recorded_at": NOON + timedelta(seconds=10 * number + 1),
            }
            await connection.execute(insert(delivery_attempts).values(row))


async def add_vote(database: AsyncEngine, turn_id: UUID, voter: str, **columns: Any) -> None:
    row = {"turn_id": turn_id, "voter": voter, "vote": "bad"} | columns
    async with database.begin() as connection:
        await connection.execute(insert(feedback).values(row))


def facts(html: str) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html, re.DOTALL))


def bars(html: str) -> list[tuple[str, int, int]]:
    found = re.findall(r'<rect class="(\w+)" x="(\d+)" y="0" width="(\d+)"', html)
    return [(kind, int(x), int(width)) for kind, x, width in found]


async def test_each_turn_tells_its_times_tokens_model_and_delivery(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(
        database, "질문", "답변", sender="U1", dropped_messages=4, finish_reason="length",
        cut_chars=1_200, config_version=7,
    )  # fmt: skip
    told = facts(await read(operator, f"/admin/turns/{turn_id}"))
    assert told["접수"] == "2026-11-20 12:00:00"
    assert told["대기열"] == "12:00:00 (+8ms)"
    assert told["생성 시작"] == "12:00:00 (+42ms)"
    assert told["첫 토큰"] == "180ms"
    assert told["답변 확정"] == "12:00:00 (+100ms)"
    assert told["전달 완료"] == "12:00:00 (+190ms)"
    assert told["토큰"] == "프롬프트 122, 답변 2"
    assert told["모델"] == "MLP-KTLim/llama-3-Korean-Bllossom-8B"
    assert told["프리셋"] == "bllossom-8b"
    assert told["설정 버전"] == "7"
    assert told["종료 사유"] == "길이 제한 도달"
    assert told["프롬프트에서 제외된 메시지"] == "4개"
    assert told["질문에서 잘린 글자"] == "1,200자"
    assert told["전달 방법"] == "콜백"
    assert told["전달 시도"] == "1회"


async def test_a_failure_tells_its_reason_and_what_to_do(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(
        database, "질문", None, status="failed", delivery=None,
        failure_reason="out_of_memory", failure_message="CUDA out of memory",
    )  # fmt: skip
    html = await read(operator, f"/admin/turns/{turn_id}")
    assert "out_of_memory: CUDA out of memory" in html
    assert re.search("<dt>메모리 부족</dt><dd>GPU 메모리가.*<strong>워커의 동시 처리 수", html)


async def test_the_time_line_shows_every_run_and_every_attempt_to_scale(
    operator: Client, database: AsyncEngine
) -> None:
    second = timedelta(seconds=1)
    turn_id = await add_turn(
        database, messenger="slack", delivery="delivered",
        queued_at=NOON + second, started_at=NOON + 2 * second,
        runs=[
            {"worker": "gpu-1", "at": (NOON + 2 * second).isoformat()},
            {"worker": "gpu-2", "at": (NOON + 4 * second).isoformat()},
        ],
        first_token_ms=1_000.0, total_ms=4_000.0, settled_at=NOON + 9 * second,
    )  # fmt: skip
    await add_attempts(database, turn_id, ("pending", "HTTP 429"), ("delivered", "HTTP 200"))
    html = await read(operator, f"/admin/turns/{turn_id}")
    drawn = bars(html)
    assert [kind for kind, _, _ in drawn] == [
        "wait", "queue", "run", "run", "read", "write", "settle", "rest", "send", "send",
        "delivered",
    ]  # fmt: skip
    unit = 1_000 / 21
    assert drawn[2][1:] == (round(2 * unit), round(2 * unit))
    assert drawn[8][1:] == (round(10 * unit), round(unit))
    assert "gpu-1" in html
    assert "전송 → 전달 대기" in html
    assert "style=" not in html


async def test_a_turn_that_is_open_is_drawn_until_now(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(
        database, answer=None, status="queued", queued_at=NOON, delivery="pending"
    )
    html = await read(operator, f"/admin/turns/{turn_id}")
    assert "시간째" in html
    assert "워커가 가져가기를 기다립니다" in html


async def test_runs_that_a_newer_version_wrote_break_nothing(
    operator: Client, database: AsyncEngine
) -> None:
    for runs in ([1, {"at": 5}, {"worker": "w", "at": "never"}], {"a": 1}, "x", None):
        turn_id = await add_turn(database, runs=runs)
        await read(operator, f"/admin/turns/{turn_id}")


async def test_votes_and_related_turns_are_linked(operator: Client, database: AsyncEngine) -> None:
    first = await add_turn(database, "처음 질문", "처음 답변")
    again = await add_turn(database, "처음 질문", "다른 답변", regenerates=first)
    on = await add_turn(database, "계속", "이어진 답변", continues=again)
    merged = await add_turn(database, "덧붙임", None, status="merged", merged_into=on)
    await add_vote(
        database, again, "voter-9", reasons=["wrong", "<new>"], note="010-1234-5678 틀림"
    )
    html = await read(operator, f"/admin/turns/{again}")
    assert f'href="/admin/turns/{first}">다시 답변하기 전의 답변' in html
    assert f'href="/admin/turns/{on}">이어서 답변한 질문' in html
    assert "사실과 다름, &lt;new&gt;" in html
    assert "[전화번호] 틀림" in html
    assert "voter-9" not in html
    assert f'href="/admin/turns/{merged}">함께 답한' in await read(operator, f"/admin/turns/{on}")


async def test_a_turn_leads_to_its_conversation_its_person_and_its_room_and_back(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database, messenger="slack", room="C1", sender="U1")
    html = await read(operator, f"/admin/turns/{turn_id}")
    for what in ("conversations", "people", "rooms"):
        found = re.search(rf'href="(/admin/{what}/[^"]+)"', html)
        assert found, what
        other = await read(operator, found[1].partition("#")[0])
        if what == "conversations":
            assert f"/admin/turns/{turn_id}" in other
        else:
            assert f"/admin/conversations/{await conversation_of(database)}" in other


def messages(html: str) -> list[str]:
    section = html[html.index('<ol class="prompt"') :]
    return re.findall(r'class="said">(.*?)</p>', section, re.DOTALL)


async def test_the_prompt_is_shown_as_the_model_read_it(
    operator: Client, database: AsyncEngine
) -> None:
    await keep(database, SETTINGS)
    await add_turn(database, "너무 오래된 질문", "오래된 답변")
    await add_turn(database, "앞 질문", "앞 답변", prompt="합쳐진 앞 질문")
    await add_turn(database, "뒤 질문", "뒤 답변")
    asked = await add_turn(
        database, "지금 질문", "지금 답변", prompt_settings=SETTINGS.id, history_seqs=[2, 3],
        dropped_messages=2, cut_chars=9, config_version=3,
    )  # fmt: skip
    html = await read(operator, f"/admin/turns/{asked}/prompt")
    assert messages(html) == [
        "당신은 친절한 상담원입니다.", "합쳐진 앞 질문", "앞 답변", "뒤 질문", "뒤 답변",
        "지금 질문",
    ]  # fmt: skip
    assert html.count("card dropped") == 2
    assert html.index("card dropped") < html.index("합쳐진 앞 질문") < html.index("뒤 질문")
    assert "이 세션의 더 오래된 답변 1개는" in html
    assert "가장 오래된 메시지 2개를 뺐습니다" in html
    assert "9자를 잘랐습니다" in html
    told = facts(html)
    assert told["<code>temperature</code>"] == "0.7"
    assert told["<code>stop</code>"] == "&#39;&lt;끝&gt;&#39;"
    assert "<code>seed</code>" not in told
    assert told["프롬프트 토큰"] == "125"


async def test_what_was_erased_since_is_missing_from_the_prompt_too(
    operator: Client, database: AsyncEngine
) -> None:
    await keep(database, SETTINGS)
    gone = await add_turn(database, "지워질 질문", "지워질 답변")
    asked = await add_turn(database, "질문", prompt_settings=SETTINGS.id, history_seqs=[1])
    async with database.begin() as connection:
        await connection.execute(sql("DELETE FROM turns WHERE id = :id"), {"id": gone})
    html = await read(operator, f"/admin/turns/{asked}/prompt")
    assert "지워질" not in html
    assert html.count("그 뒤에 삭제된 메시지입니다") == 2
    assert "메시지 2개는 그 뒤에 삭제되어" in html


@pytest.mark.parametrize(
    ("text", "read_text"), [(None, "사진을 설명해 주세요."), ("이건 뭐예요?", "이건 뭐예요?")]
)
async def test_a_picture_is_read_with_what_was_written_beside_it(
    operator: Client, database: AsyncEngine, text: str | None, read_text: str
) -> None:
    with_pictures = PromptSettings(
        preset="p", system_prompt="s", sampling=SamplingParams(),
        picture_prompt="사진을 설명해 주세요.",
    )  # fmt: skip
    await keep(database, with_pictures)
    asked = uuid4()
    if text is not None:
        await add_turn(database, text, None, status="merged", merged_into=asked)
    real = await add_turn(
        database, "[사진]", media=[{"type": "image"}], prompt_settings=with_pictures.id,
        history_seqs=[], prompt="" if text is None else f"{text}\n[사진]",
    )  # fmt: skip
    async with database.begin() as connection:
        values = {"id": real, "asked": asked}
        statement = "UPDATE turns SET merged_into = :id WHERE merged_into = :asked"
        await connection.execute(sql(statement), values)
    html = await read(operator, f"/admin/turns/{real}/prompt")
    assert messages(html) == ["s", read_text]
    assert "사진 1장을 함께 보았습니다" in html


async def test_a_turn_of_the_previous_version_says_that_nothing_was_recorded(
    operator: Client, database: AsyncEngine
) -> None:
    for digest in (None, uuid4()):
        turn_id = await add_turn(database, prompt_settings=digest)
        assert "기록되지 않았습니다" in await read(operator, f"/admin/turns/{turn_id}/prompt")


async def test_a_long_prompt_is_paged_and_each_message_can_be_read_whole(
    operator: Client, database: AsyncEngine
) -> None:
    await keep(database, SETTINGS)
    for number in range(12):
        await add_turn(
            database, f"<질문 {number}> " + "가" * 3_000, f"<답변 {number}> " + "나" * 9_000
        )
    asked = await add_turn(
        database, prompt_settings=SETTINGS.id, history_seqs=list(range(1, 13)), delivery=None
    )
    url, seen = f"/admin/turns/{asked}/prompt", 0
    while url:
        html = await read(operator, url)
        seen += len(messages(html))
        found = re.search(r'rel="next" href="([^"]+)"', html)
        url = found[1] if found else ""
    assert seen == 26
    first = await read(operator, f"/admin/turns/{asked}/prompt")
    whole = re.search(r'href="(/admin/turns/[^"]+/texts/answer)"', first)
    assert whole
    text = await read(operator, whole[1])
    assert "&lt;답변 0&gt;" in text
    assert text.count("나") == 9_000


async def test_a_text_of_any_length_is_read_in_parts(
    operator: Client, database: AsyncEngine
) -> None:
    answer = "".join(f"{number:05}<" for number in range(8_000))
    turn_id = await add_turn(database, answer=answer, reasoning="생각")
    url, parts = f"/admin/turns/{turn_id}/texts/answer", []
    while url:
        html = await read(operator, url)
        parts += re.findall(r'class="said">(.*?)</p>', html, re.DOTALL)
        found = re.search(r'rel="next" href="([^"]+)"', html)
        url = found[1] if found else ""
    assert "".join(parts).replace("&lt;", "<") == answer
    assert "생각" in await read(operator, f"/admin/turns/{turn_id}/texts/reasoning")
    for name in ("system", "secrets"):
        assert (await operator.get(f"/admin/turns/{turn_id}/texts/{name}")).status == 404


async def test_the_request_shows_what_is_kept_and_no_secret(
    operator: Client, database: AsyncEngine
) -> None:
    address = {
        "kind": "room",
        "team": "T1",
        "channel": "C1",
        "ts": "1763607600.000100",
        "user_id": "U-SECRET",
        "response_url": "https://hooks.slack.com/commands/T1/SECRET",
        "callback_url": "https://bot-api.kakao.com/callback/SECRET",
        "question": "제 번호는 010-1234-5678",
        "app": "https://not.an.id/?token=SECRET",
        HOSTILE: "SECRET",
        "empty": None,
    }
    turn_id = await add_turn(
        database, "제 번호는 010-1234-5678", messenger="slack", address=address, sender="U-SECRET",
        event_key="message:C1:1763.5", media=[{"type": "image", "name": HOSTILE}],
    )  # fmt: skip
    html = await read(operator, f"/admin/turns/{turn_id}/request")
    assert "요청 원문은 보관하지 않습니다" in html
    assert "SECRET" not in html
    assert "1234-5678" not in html
    assert "<script>" not in html
    told = facts(html)
    assert (told["team"], told["channel"], told["ts"]) == ("T1", "C1", "1763607600.000100")
    assert told["이벤트 키"] == "message:C1:1763.5"
    assert told["response_url"] == "<em>42자, 보이지 않음</em>"
    entry = (await logged(database))[-1]
    assert (entry.action, entry.object) == (AuditAction.REQUEST_READ, f"turn:{turn_id}")


async def test_the_request_is_for_admins_alone(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    await add_user(database, "reviewer", Role.REVIEWER)
    turn_id = await add_turn(database)
    client = await start_admin(database)
    await log_in(client, user="reviewer")
    assert (await client.get(f"/admin/turns/{turn_id}/request")).status == 403
    assert "/request" not in await read(client, f"/admin/turns/{turn_id}")
    assert "/request" not in await read(client, f"/admin/turns/{turn_id}/prompt")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("unknown", ["x", "00000000-0000-4000-8000-000000000000", "%00"])
async def test_a_turn_that_was_deleted_is_a_404_page_that_says_so(
    operator: Client, database: AsyncEngine, page: str, unknown: str
) -> None:
    response = await operator.get(f"/admin/turns/{unknown}{page}")
    assert response.status == 404
    assert "해당 질문을 찾을 수 없습니다. 삭제되었거나" in await response.text()


async def test_a_turn_is_gone_from_every_page_once_it_is_deleted(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    assert await pages_of(operator, turn_id) == {200}
    async with database.begin() as connection:
        await connection.execute(sql("DELETE FROM turns WHERE id = :id"), {"id": turn_id})
    assert await pages_of(operator, turn_id) == {404}


async def pages_of(client: Client, turn_id: UUID, pages: Iterable[str] = PAGES) -> set[int]:
    return {(await client.get(f"/admin/turns/{turn_id}{page}")).status for page in pages}


@pytest.mark.parametrize("place", ["", "x", "-1", "99999999999999999999"])
async def test_a_bad_place_in_a_prompt_or_a_text_is_a_400_page(
    operator: Client, database: AsyncEngine, place: str
) -> None:
    turn_id = await add_turn(database)
    for page in ("prompt", "texts/answer"):
        response = await operator.get(f"/admin/turns/{turn_id}/{page}", params={"from": place})
        assert response.status == 400


async def test_a_place_behind_the_end_is_an_empty_page(
    operator: Client, database: AsyncEngine
) -> None:
    await keep(database, SETTINGS)
    turn_id = await add_turn(database, prompt_settings=SETTINGS.id, history_seqs=[])
    for page in ("prompt", "texts/answer"):
        await read(operator, f"/admin/turns/{turn_id}/{page}?from=9223372036854775807")


async def test_reading_a_turn_and_its_prompt_is_in_the_audit_log(
    operator: Client, database: AsyncEngine
) -> None:
    turn_id = await add_turn(database)
    for page in ("", "/prompt", "/texts/answer"):
        await read(operator, f"/admin/turns/{turn_id}{page}")
    entries = [(one.action, one.object) for one in await logged(database)][-3:]
    assert entries == [
        (AuditAction.TURN_READ, f"turn:{turn_id}"),
        (AuditAction.PROMPT_READ, f"turn:{turn_id}"),
        (AuditAction.TURN_READ, f"turn:{turn_id}"),
    ]


@pytest.mark.parametrize("messenger", ["kakao", "slack", "generic", HOSTILE])
async def test_hostile_text_in_every_field_of_every_page_is_escaped(
    operator: Client, database: AsyncEngine, messenger: str
) -> None:
    hostile = PromptSettings(preset=HOSTILE, system_prompt=HOSTILE, sampling=SamplingParams())
    await keep(database, hostile)
    turn_id = await add_turn(
        database, HOSTILE, HOSTILE, messenger=messenger, sender=HOSTILE, key=HOSTILE, room=HOSTILE,
        event_key=HOSTILE, preset=HOSTILE, model=HOSTILE, finish_reason=HOSTILE, reasoning=HOSTILE,
        failure_reason=HOSTILE, failure_message=HOSTILE, stopped_by=HOSTILE, prompt=HOSTILE,
        address={HOSTILE: HOSTILE, "bot_id": HOSTILE, "channel": HOSTILE, "kind": "room"},
        runs=[{"worker": HOSTILE, "at": NOON.isoformat()}],
        prompt_settings=hostile.id, history_seqs=[1], media=[{HOSTILE: HOSTILE}],
    )  # fmt: skip
    await add_attempts(database, turn_id, ("failed", HOSTILE))
    await add_vote(database, turn_id, HOSTILE, reasons=[HOSTILE], note=HOSTILE)
    start = await read(operator, f"/admin/turns/{turn_id}")
    others = re.findall(r'href="(/admin/(?:people|rooms|conversations)/[^"#]+)', start)
    assert len(others) >= 3
    turn_pages = [f"/admin/turns/{turn_id}{page}" for page in (*PAGES, "/texts/system")]
    for url in {*others, *turn_pages}:
        html = await read(operator, url)
        assert "<script>alert" not in html, url
        assert "<img src=x" not in html, url
        assert 'onerror=y>"' not in html, url
        assert ">49" not in html, url
