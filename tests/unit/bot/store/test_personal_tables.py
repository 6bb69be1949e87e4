"""Each table says what becomes of a person's rows, and its foreign keys keep it."""

from __future__ import annotations

import re

from sqlalchemy import Table

from bot.store import schema
from bot.store.person_data import NOT_HANDED_OUT, SECTIONS
from bot.store.personal_tables import TABLES, Erased
from inference_queue import schema as queue_schema

ALL: dict[str, Table] = {**schema.metadata.tables, **queue_schema.metadata.tables}


def test_every_table_has_a_rule() -> None:
    """A new table: say in bot/store/personal_tables.py what an erasure does with it."""
    assert set(ALL) - set(TABLES) == set()
    assert set(TABLES) - set(ALL) == set()


def test_what_goes_with_its_turn_or_conversation_does_so_by_its_foreign_key() -> None:
    owners = {Erased.WITH_ITS_TURN: {"turns"}, Erased.WITH_ITS_CONVERSATION: {"conversations"}}
    broken = []
    for name, erased in TABLES.items():
        if erased in owners:
            reached = owners[erased] | {
                other for other, rule in TABLES.items() if rule is erased and other != name
            }
            keys = [key for key in ALL[name].foreign_keys if key.column.table.name in reached]
            if not any(key.ondelete == "CASCADE" for key in keys):
                broken.append(name)
    assert broken == []


def test_what_an_erasure_deletes_is_in_the_person_s_file() -> None:
    """A new table of people's data: add a section to bot/store/person_data.py, or say why not."""
    personal = {Erased.WITH_ITS_TURN, Erased.WITH_ITS_CONVERSATION, Erased.BY_STATEMENT}
    statements = " ".join(str(section.statement) for section in SECTIONS)
    missing = {
        name
        for name, erased in TABLES.items()
        if erased in personal and re.search(rf"\b{name}\b", statements) is None
    }
    assert missing == set(NOT_HANDED_OUT)


def test_what_holds_no_person_has_no_column_for_one() -> None:
    suspicious = {"sender", "voter", "text", "answer", "prompt", "user_id"}
    named = {
        name: suspicious & set(ALL[name].c.keys())
        for name, erased in TABLES.items()
        if erased is Erased.HOLDS_NO_PERSON
    }
    # A user of the dashboard is nobody who talks with the bot.
    named["dashboard_identities"] -= {"user_id"}
    assert {name: found for name, found in named.items() if found} == {}
