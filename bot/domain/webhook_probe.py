"""A harmless request to a messenger's own webhook, for the doctor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookProbe:
    """A help command as the messenger would send it, made to be sent at once."""

    label: str  #: the messenger's name in sentences
    path: str
    body: bytes
    content_type: str
    secret_headers: Mapping[str, str] = field(repr=False)  #: without them it must be refused
    secret_setting: str  #: the variable that the secret comes from
    limit_s: float | None = None  #: the time in which the platform wants a response
