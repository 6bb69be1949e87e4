"""The messages of a chat request, as a job has them.

They stand as they are sent: no system prompt is added, so the card's goes in as a first message.
"""

from __future__ import annotations

import re
from uuid import uuid4

from inference_queue.protocol import (
    MEDIA_TYPES,
    Job,
    Message,
    Picture,
    ProtocolError,
    Role,
    SamplingParams,
)
from inference_worker.api.errors import ApiError
from inference_worker.api.fields import Fields
from inference_worker.engines.base import ModelCard

MAX_MESSAGES = 1000
#: Llama 3's context holds some 16,000 characters of Korean and 35,000 of English.
MAX_CHARS = 200_000

#: "developer" is what OpenAI's newer models call the system.
_ROLES = {"developer": Role.SYSTEM, **{role.value: role for role in Role}}
_DATA_URL = re.compile(f"data:({'|'.join(MEDIA_TYPES)});base64,")


def read_chat(fields: Fields, sampling: SamplingParams, card: ModelCard) -> Job:
    """The job of a request, without a deadline. Raises ApiError."""
    listed = fields.get("messages")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_MESSAGES:
        raise _wrong("messages", f"must be a list of 1 to {MAX_MESSAGES} messages")
    messages = tuple(_message(one, f"messages[{at}]") for at, one in enumerate(listed))
    if sum(len(message.content) for message in messages) > MAX_CHARS:
        raise _wrong("messages", f"hold more than {MAX_CHARS} characters: send fewer")
    if any(message.pictures for message in messages) and not card.vision:
        sentence = f"The messages have pictures, and {card.name} reads text only: send text."
        raise ApiError(400, sentence, "no_vision", "messages")
    try:
        return Job(id=uuid4(), messages=messages, sampling=sampling)
    except ProtocolError as error:
        raise _wrong("messages", f"cannot be answered: {error}") from None


def _message(value: object, where: str) -> Message:
    if not isinstance(value, dict):
        raise _wrong(where, 'must be an object, such as {"role": "user", "content": "..."}')
    role = value.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise _wrong(f"{where}.role", "must be system, user or assistant")
    text, pictures = _content(value.get("content"), f"{where}.content")
    if _ROLES[role] is Role.USER and not (text.strip() or pictures):
        raise _wrong(f"{where}.content", "is empty: a user's message needs text")
    try:
        return Message(_ROLES[role], text, pictures)
    except ProtocolError as error:
        raise _wrong(where, f"cannot be read: {error}") from None


def _content(value: object, where: str) -> tuple[str, tuple[Picture, ...]]:
    """The text and the pictures of a content: a text, or a list of parts."""
    if isinstance(value, str):
        return value, ()
    if not isinstance(value, list):
        raise _wrong(where, "must be text or a list of parts")
    parts = [_part(part, f"{where}[{at}]") for at, part in enumerate(value)]
    texts = [part for part in parts if isinstance(part, str)]
    return "\n".join(texts), tuple(part for part in parts if isinstance(part, Picture))


def _part(value: object, where: str) -> str | Picture:
    match value:
        case {"type": "text", "text": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str(url)}}:
            return _picture(url, where)
        case _:
            raise _wrong(where, "must be a part of the type text or image_url")


def _picture(url: str, where: str) -> Picture:
    head = _DATA_URL.match(url)
    if head is None:
        what = "must be a data URL of a JPEG, PNG or WebP picture: the worker fetches nothing"
        raise _wrong(where, what)
    try:
        return Picture(head[1], url[head.end() :])
    except ProtocolError as error:
        raise _wrong(where, f"cannot be read: {error}") from None


def _wrong(where: str, what: str) -> ApiError:
    return ApiError(400, f"{where} {what}.", param=where.partition("[")[0])
