"""The page of a prompt: the messages as the model read them, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admin.reading.bounds import bounded, html_bytes
from bot.admin.turns.queries import read_only
from bot.admin.web.language import translate as _
from bot.privacy.masking import mask
from bot.store.reading import prompt as stored
from bot.store.reading import turn as turns
from bot.store.reading.prompt import PromptRecord
from bot.store.reading.turn import ReadTurn

#: Of one message, and of all messages of a page, in bytes of HTML.
MAX_MESSAGE_BYTES, PAGE_BYTES = 6_000, 42_000
#: A message without its text.
MESSAGE_BYTES = 700

ROLES = {"system": "시스템 프롬프트", "user": "사용자", "assistant": "답변"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the database has of a prompt."""

    turn: ReadTurn
    record: PromptRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMessage:
    """A message that the bot put into the job."""

    number: int  #: from 0, the system prompt
    role: str
    text: str | None  #: None: it was erased since
    source: UUID | None = None  #: the turn that it comes from
    name: str = ""  #: of the text, for the page that shows all of it
    pictures: int = 0
    is_dropped: bool = False  #: left out by the worker: the model did not read it
    is_newest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageItem:
    """A message on the page."""

    message: PromptMessage
    role: str
    text: str
    is_cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPage:
    """The messages that fit, and the facts around them."""

    turn: ReadTurn
    messages: Sequence[MessageItem]
    total: int
    next: int | None  #: the number of the first message of the next page
    sampling: Sequence[tuple[str, str]]
    left_out: Sequence[str]  #: what the model did not read, in sentences
    is_recorded: bool


async def load(database: AsyncEngine, turn_id: UUID) -> Found | None:
    """The turn with its prompt; None: no such turn."""
    async with read_only(database) as connection:
        turn = await turns.find_turn(connection, turn_id)
        record = await stored.find_prompt(connection, turn_id)
    return Found(turn=turn, record=record) if turn and record else None


def compose(found: Found, first: int) -> PromptPage:
    """The page from message ``first`` on. Masks: not for the event loop."""
    messages = prompt_messages(found)
    shown = list(_fitting(messages[first:]))
    behind = first + len(shown)
    settings = found.record.settings
    return PromptPage(
        turn=found.turn,
        messages=shown,
        total=len(messages),
        next=behind if behind < len(messages) else None,
        sampling=_sampling(found.record),
        left_out=list(_left_out(found, messages)),
        is_recorded=settings is not None,
    )


def prompt_messages(found: Found) -> list[PromptMessage]:
    """The messages of the job, in their order; none where nothing was recorded."""
    settings = found.record.settings
    if settings is None:
        return []
    dropped = found.turn.dropped_messages or 0
    system = PromptMessage(number=0, role="system", text=settings.system_prompt, name="system")
    history = list(_history(found.record, dropped))
    newest = PromptMessage(
        number=len(history) + 1,
        role="user",
        text=newest_text(found.record),
        source=found.turn.id,
        name="prompt",
        pictures=sum(one.media_count for one in found.record.asked),
        is_newest=True,
    )
    return [system, *history, newest]


def newest_text(record: PromptRecord) -> str:
    """What was asked: beside pictures only what was written with them."""
    last = record.asked[-1]
    alone = record.settings.picture_prompt if record.settings else None
    if alone is None:
        return last.text if record.prompt is None else record.prompt
    return "\n".join(one.text for one in record.asked if not one.media_count) or alone


def _history(record: PromptRecord, dropped: int) -> Iterator[PromptMessage]:
    """Two messages for each turn; the oldest ``dropped`` were left out by the worker."""
    kept = {past.seq: past for past in record.history}
    for place, seq in enumerate(record.history_seqs):
        past, number = kept.get(seq), 2 * place + 1
        yield PromptMessage(
            number=number,
            role="user",
            text=past.text if past else None,
            source=past.id if past else None,
            name="prompt",
            is_dropped=number <= dropped,
        )
        yield PromptMessage(
            number=number + 1,
            role="assistant",
            text=past.answer if past else None,
            source=past.id if past else None,
            name="answer",
            is_dropped=number + 1 <= dropped,
        )


def _fitting(messages: Sequence[PromptMessage]) -> Iterator[MessageItem]:
    left = PAGE_BYTES
    for message in messages:
        masked = mask(message.text or "")
        shown = bounded(masked, MAX_MESSAGE_BYTES)
        left -= html_bytes(shown) + MESSAGE_BYTES
        if left < 0:
            break
        yield MessageItem(
            message=message,
            role=_(ROLES[message.role]),
            text=shown,
            is_cut=len(shown) < len(masked),
        )


def _sampling(record: PromptRecord) -> Sequence[tuple[str, str]]:
    """The parameters under the names that vLLM and transformers have for them."""
    if record.settings is None:
        return ()
    values = asdict(record.settings.sampling).items()
    return [
        (name, ", ".join(map(repr, value)) if isinstance(value, tuple) else str(value))
        for name, value in values
        if value not in (None, ())
    ]


def _left_out(found: Found, messages: Sequence[PromptMessage]) -> Iterator[str]:
    turn, record = found.turn, found.record
    if record.settings is None:
        return
    if record.older:
        more = "+" if record.older == stored.MAX_COUNTED else ""
        yield _(
            "이 세션의 더 오래된 답변 {count}개는 봇이 프롬프트에 넣지 않았습니다.",
            count=f"{record.older:,}{more}",
        )
    if turn.dropped_messages:
        yield _(
            "모델이 읽을 수 있는 길이를 넘어, 워커가 가장 오래된 메시지 {count}개를 뺐습니다.",
            count=f"{turn.dropped_messages:,}",
        )
    if turn.cut_chars:
        yield _(
            "질문 하나만으로도 길어서, 워커가 {count}자를 잘랐습니다.", count=f"{turn.cut_chars:,}"
        )
    if erased := sum(message.text is None for message in messages):
        yield _("메시지 {count}개는 그 뒤에 삭제되어 보여 드릴 수 없습니다.", count=erased)
    if pictures := sum(message.pictures for message in messages):
        yield _("사진 {count}장을 함께 보았습니다.", count=pictures)
