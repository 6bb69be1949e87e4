"""Everything that is kept of a person, read in small parts, as JSON that Postgres makes.

Each section is read in the order of time from a place on, so that no connection and no snapshot is
held while somebody downloads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import DateTime, Text, TextClause, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.turns import Person

#: Records of one statement: a turn may have a picture of some megabytes.
BATCH = 20

_OF_THE_PERSON = (
    "turns.messenger = :messenger AND turns.tenant = :tenant AND turns.sender = :sender"
)


@dataclass(frozen=True, slots=True)
class Section:
    """A kind of record. The statement names ``at``, ``id`` (a text) and ``document``."""

    name: str
    statement: TextClause


@dataclass(frozen=True, slots=True)
class Place:
    """Of a record in its section."""

    at: datetime
    id: str


#: Before every record.
BEGINNING = Place(datetime.fromisoformat("0001-01-02T00:00:00+00:00"), "")


@dataclass(frozen=True, slots=True)
class Record:
    """A record and where it stands."""

    place: Place
    document: str  #: a JSON object


def _section(name: str, at: str, record_id: str, document: str, source: str) -> Section:
    statement = f"""
        SELECT {at} AS at, {record_id} AS id, json_build_object({document})::text AS document
        {source} AND {at} >= :at AND ({at}, {record_id}) > (:at, :id)
        ORDER BY 1, 2 LIMIT {BATCH}
    """
    names = ("messenger", "tenant", "sender", "person", "id")
    return Section(
        name,
        text(statement).bindparams(
            *(bindparam(one, type_=Text) for one in names if f":{one}" in statement),
            bindparam("at", type_=DateTime(timezone=True)),
        ),
    )


SECTIONS: Sequence[Section] = (
    _section(
        "turns",
        "turns.received_at",
        "turns.id::text",
        """
        'id', turns.id, 'conversation', turns.conversation_id, 'received_at', turns.received_at,
        'question', turns.text, 'prompt', turns.prompt, 'media', turns.media,
        'pictures', (
            SELECT coalesce(json_agg(json_build_object(
                'media_type', media_type, 'base64', encode(data, 'base64')
            ) ORDER BY position), '[]')
            FROM turn_pictures WHERE turn_id = turns.id
        ),
        'status', turns.status, 'answer', turns.answer, 'reasoning', turns.reasoning,
        'finish_reason', turns.finish_reason, 'failure', turns.failure_message,
        'model', turns.model, 'preset', turns.preset, 'settled_at', turns.settled_at,
        'delivery', deliveries.state, 'delivered_at', deliveries.delivered_at,
        'attempts', (
            SELECT coalesce(json_agg(json_build_object(
                'at', claimed_at, 'via', via, 'state', state, 'detail', detail
            ) ORDER BY id), '[]')
            FROM delivery_attempts WHERE turn_id = turns.id
        ),
        'messages', (
            SELECT coalesce(json_agg(json_build_object(
                'room', room, 'message', message_id, 'state', state
            ) ORDER BY part), '[]')
            FROM posts WHERE turn_id = turns.id
        )
        """,
        f"FROM turns LEFT JOIN deliveries ON deliveries.turn_id = turns.id WHERE {_OF_THE_PERSON}",
    ),
    _section(
        "conversations",
        "conversations.created_at",
        "conversations.id::text",
        """
        'id', conversations.id, 'key', conversations.key, 'room', conversations.room,
        'created_at', conversations.created_at
        """,
        f"""
        FROM conversations
        WHERE conversations.id IN (SELECT conversation_id FROM turns WHERE {_OF_THE_PERSON})
        """,
    ),
    _section(
        "votes",
        "feedback.created_at",
        "feedback.turn_id::text",
        """
        'turn', feedback.turn_id, 'vote', feedback.vote, 'reasons', feedback.reasons,
        'note', feedback.note, 'at', feedback.created_at, 'changed_at', feedback.updated_at
        """,
        """
        FROM feedback JOIN turns ON turns.id = feedback.turn_id
        WHERE feedback.voter = :sender
          AND turns.messenger = :messenger AND turns.tenant = :tenant
        """,
    ),
    _section(
        "events",
        "conversation_events.at",
        "conversation_events.id::text",
        """
        'conversation', conversation_events.conversation_id, 'kind', conversation_events.kind,
        'detail', conversation_events.detail, 'at', conversation_events.at
        """,
        """
        FROM conversation_events
        JOIN conversations ON conversations.id = conversation_events.conversation_id
        WHERE conversation_events.actor = :sender
          AND conversations.messenger = :messenger AND conversations.tenant = :tenant
        """,
    ),
    _section(
        "stopped",
        "turns.received_at",
        "turns.id::text",
        "'turn', turns.id, 'received_at', turns.received_at",
        """
        FROM turns
        WHERE turns.messenger = :messenger AND turns.tenant = :tenant
          AND turns.stopped_by = :sender
        """,
    ),
    _section(
        "reviews",
        "reviews.created_at",
        "reviews.id::text",
        """
        'turn', turn_id, 'verdict', verdict, 'reasons', reasons, 'note', note,
        'corrected_answer', correction, 'reviewed_at', reviews.updated_at
        """,
        f"FROM reviews JOIN turns ON turns.id = turn_id WHERE {_OF_THE_PERSON}",
    ),
    _section(
        "final_verdicts",
        "review_verdicts.created_at",
        "turn_id::text",
        """
        'turn', turn_id, 'verdict', verdict, 'reasons', reasons, 'note', note,
        'corrected_answer', correction, 'decided_at', review_verdicts.updated_at
        """,
        f"FROM review_verdicts JOIN turns ON turns.id = turn_id WHERE {_OF_THE_PERSON}",
    ),
    _section(
        "answers_of_comparisons",
        "replays.created_at",
        "replays.id || ':' || position",
        """
        'turn', turn_id, 'asked_at', replays.created_at, 'answer', replay_items.answer,
        'model', replay_items.model
        """,
        f"""
        FROM replay_items JOIN replays ON replays.id = replay_id
        JOIN turns ON turns.id = turn_id WHERE {_OF_THE_PERSON}
        """,
    ),
    _section(
        "items_of_data_sets",
        "datasets.created_at",
        "datasets.id || ':' || dataset_items.id",
        """
        'turn', turn_id, 'data_set', datasets.name, 'version', datasets.version,
        'split', split, 'item', content, 'made_at', datasets.created_at
        """,
        f"""
        FROM dataset_items JOIN datasets ON datasets.id = dataset_id
        JOIN turns ON turns.id = turn_id WHERE {_OF_THE_PERSON}
        """,
    ),
    _section(
        "answers_of_evaluations",
        "evaluations.added_at",
        "evaluations.id || ':' || position",
        """
        'turn', turn_id, 'question', question, 'answer', evaluation_pairs.candidate,
        'model', evaluations.candidate, 'other_answer', evaluation_pairs.baseline,
        'other_model', evaluations.baseline, 'made_at', evaluations.made_at
        """,
        f"""
        FROM evaluation_pairs JOIN evaluations ON evaluations.id = evaluation_id
        JOIN turns ON turns.id = turn_id WHERE {_OF_THE_PERSON}
        """,
    ),
    _section(
        "installations",
        "installed_at",
        "id::text",
        "'team', team_id, 'installed_at', installed_at",
        """
        FROM slack_installations
        WHERE :messenger = 'slack' AND user_id = :sender
          AND :tenant IN (team_id, enterprise_id || '/' || team_id)
        """,
    ),
    _section(
        "block",
        "blocked_at",
        "person",
        "'reason', reason, 'blocked_at', blocked_at",
        """
        FROM blocked_people
        WHERE messenger = :messenger AND tenant = :tenant AND sender = :sender
        """,
    ),
    _section(
        "training_opt_out",
        "created_at",
        "person",
        "'reason', reason, 'since', created_at",
        "FROM training_opt_outs WHERE person = :person",
    ),
)


#: Tables with a person's data that no section has, and why.
NOT_HANDED_OUT: Mapping[str, str] = {
    "jobs": "copies of turns, until their answers are settled",
    "search_entries": "hashes of what the turns say",
    "saved_searches": "operators' own, whatever they search for",
    "review_queues": "the same, with a name",
    "review_items": "which queue waits for a turn's review",
    "judged_turns": "what counts of the reviews, which are handed out",
    "replay_votes": "which of two answers reviewers like better",
    "dataset_checks": "which items are being checked",
    "background_jobs": "copies of turns and of items, until they are answered",
    "exports": "orders of files that end after days",
    "export_parts": "files made of what is handed out",
    "export_people": "digests of whom a file is about",
}


async def read_some(
    connection: AsyncConnection, section: Section, person: Person, after: Place
) -> list[Record]:
    """The section's next records behind the place, at most ``BATCH``."""
    values = {
        "messenger": person.messenger,
        "tenant": person.tenant,
        "sender": person.sender,
        "person": person.key,
        "at": after.at,
        "id": after.id,
    }
    rows = await connection.execute(section.statement, values)
    return [Record(Place(row.at, row.id), row.document) for row in rows]
