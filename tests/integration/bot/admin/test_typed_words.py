"""What one operator typed into any free field, on every page that another one reads."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.audit.exported import ExportedAudit
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.dashboard_users import Role
from bot.store import audit_log
from tests.support.admin import StartAdmin, add_user, log_in
from tests.support.admin_pages import PAGES, Shown, add_everything

PHONE, RESIDENT = "010-2345-6789", "900101-1234568"
TYPED = f"환불 {PHONE} {RESIDENT}"
WRITER = "글쓴이"
#: Every free field that is stored: what is typed, by table, and who typed it.
FIELDS = (
    "UPDATE review_queues SET name = :typed, query = :typed",
    "UPDATE reviews SET note = :typed",
    "UPDATE datasets SET name = :typed, query = :typed, author = :writer",
    (
        "UPDATE replays SET name = :typed, query = :typed, source = '', author = :writer, options ="
        " jsonb_set(CAST(options AS jsonb), '{system_prompt}', to_jsonb(CAST(:typed AS text)))"
    ),
    "UPDATE replays SET dataset_id = (SELECT min(id) FROM datasets)",
    "UPDATE blocked_people SET reason = :typed, blocked_by = :writer",
    "UPDATE training_opt_outs SET reason = :typed, author = :writer",
    "UPDATE exports SET reason = :typed, query = 'q=' || :typed, author = :writer",
    "UPDATE bot_configs SET note = :typed, author = :writer",
    "UPDATE feedback SET note = :typed",
    "INSERT INTO saved_searches (owner, name, query) VALUES (:writer, :typed, :typed)",
)
#: Pages of whoever may change the words: settings are edited as they are.
EDITED = {"bot-settings-scope", "bot-settings-compare", "sandbox"}


async def add_typed(database: AsyncEngine) -> dict[str, str]:
    """A row on every page, with people's numbers in all that an operator types."""
    ids = await add_everything(database)
    values = {"typed": TYPED, "writer": WRITER}
    acts = [
        AuditEntry(
            actor=WRITER,
            action=AuditAction.DATASET_BUILT,
            reason=TYPED,
            details={"dataset": TYPED, "people": ["12345678"]},
        )
    ]
    async with database.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        for statement in FIELDS:
            names = [name for name in values if f":{name}" in statement]
            await connection.execute(text(statement), {name: values[name] for name in names})
        prompt = f"{TYPED}\\n짧게 답해."
        await connection.execute(
            text(
                'UPDATE bot_configs SET "values" = jsonb_build_object('
                "'system_prompt', CAST(:prompt AS text)) WHERE room <> ''"
            ),
            {"prompt": prompt},
        )
        await audit_log.append(connection, acts)
    return ids


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.timeout(180)  # every page
async def test_nobody_reads_people_s_numbers_that_another_operator_typed(
    start_admin: StartAdmin, database: AsyncEngine, role: Role
) -> None:
    ids = await add_typed(database)
    await add_user(database, "읽는이", role)
    client = await start_admin(database)
    await log_in(client, user="읽는이")
    seen = []
    again = Shown("replay-of-dataset", "/replays/new?dataset={dataset}")
    for page in (*PAGES.values(), again):
        if page.name in EDITED and role.includes(Role.REVIEWER):
            continue
        shown = await (await client.get(f"/admin{page.address.format_map(ids)}")).text()
        if PHONE in shown or RESIDENT in shown:
            seen.append(page.name)
    assert not seen


async def test_who_typed_it_reads_it_as_it_was_typed(
    start_admin: StartAdmin, database: AsyncEngine
) -> None:
    ids = await add_typed(database)
    await add_user(database, WRITER, Role.ADMIN)
    client = await start_admin(database)
    await log_in(client, user=WRITER)
    for name in ("datasets", "replays", "replay", "export", "blocked", "opt-outs", "audit"):
        page = next(one for one in PAGES.values() if one.name == name)
        shown = await (await client.get(f"/admin{page.address.format_map(ids)}")).text()
        assert PHONE in shown, name


async def test_a_file_of_the_log_names_no_number_that_was_typed(database: AsyncEngine) -> None:
    await add_typed(database)
    exported = await ExportedAudit().page(database, {}, "")
    lines = io.StringIO()
    csv.writer(lines).writerows(exported.rows)
    assert PHONE not in lines.getvalue()
    assert RESIDENT not in lines.getvalue()
    assert "12345678" in lines.getvalue()
