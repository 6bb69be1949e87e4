"""What a webhook's request left behind. The request itself is not kept (docs/decisions/0039)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.admin.reading.bounds import bounded
from bot.admin.web import labels
from bot.admin.web.language import translate as _
from bot.privacy.masking import mask, mask_detail, pseudonym
from bot.store.reading.turn import ReadTurn

#: Of a value, in bytes of HTML.
MAX_VALUE_BYTES = 1_500
#: Fields of a messenger's address that may be shown: ids of places and of the messenger's own
#: messages. Everything else may be a secret, such as a URL that lets anybody answer.
SHOWN_FIELDS = frozenset(
    {"kind", "team", "channel", "thread_ts", "ts", "app", "bot_id", "visibility"}
)
_ID = re.compile(r"[\w.:/-]{0,80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFact:
    """A stored value that came with the request."""

    label: str
    value: str
    is_hidden: bool = False


def request_facts(turn: ReadTurn) -> Sequence[RequestFact]:
    """The stored values, in the order of reading. Masks: not for the event loop."""
    named = (
        (_("메신저"), turn.messenger),
        (_("테넌트"), turn.tenant),
        (_("사용자"), pseudonym(turn.messenger, turn.tenant, turn.sender)),
        (_("대화방"), pseudonym(turn.messenger, turn.tenant, turn.conversation_key)),
        (_("이벤트 키"), turn.event_key),
        (_("글"), turn.text),
        (_("첨부"), json.dumps(turn.media, ensure_ascii=False) if turn.media else ""),
        (_("접수"), labels.stamp(turn.received_at)),
        (_("답변 기한"), labels.stamp(turn.expires_at)),
    )
    facts = [RequestFact(label=label, value=_shown(value)) for label, value in named if value]
    return [*facts, *_handle(turn)]


def _handle(turn: ReadTurn) -> Iterator[RequestFact]:
    """How the answer was to be addressed."""
    handle = turn.reply_handle
    for name in ("via", "sync_until", "callback_until"):
        if value := handle.get(name):
            yield RequestFact(label=name, value=_shown(str(value)))
    address = handle.get("address")
    for name, value in (address if isinstance(address, Mapping) else {}).items():
        if value in (None, ""):
            continue
        yield _field(str(name), value)


def _field(name: str, value: Any) -> RequestFact:
    text = str(value)
    if name in SHOWN_FIELDS and _ID.fullmatch(text):
        return RequestFact(label=name, value=_shown(text))
    hidden = _("{count}자, 보이지 않음", count=len(text))
    return RequestFact(label=mask(bounded(name, 100)), value=hidden, is_hidden=True)


def _shown(value: str) -> str:
    masked = mask_detail(value)
    shown = bounded(masked, MAX_VALUE_BYTES)
    return shown + ("…" if len(shown) < len(masked) else "")
