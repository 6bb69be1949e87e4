"""The person whom a request is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

from bot.admin.reading.parts import KEYS
from bot.admin.web.audit import entry
from bot.domain.audit import AuditAction, AuditEntry
from bot.domain.turns import Person
from bot.privacy.masking import pseudonym


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person, with the name for operators and the key of addresses."""

    person: Person
    name: str
    key: str

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The person of the request's address. Raises HTTPNotFound."""
        key = request.match_info["key"]
        person = request.app[KEYS].person(key)
        if person is None:
            raise web.HTTPNotFound
        return cls(
            person=person,
            name=pseudonym(person.messenger, person.tenant, person.sender),
            key=key,
        )

    def entry(
        self,
        request: web.Request,
        action: AuditAction,
        *,
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> AuditEntry:
        """The entry of an act on the person, who stands in it by pseudonym."""
        told = {"people": [self.name]} | dict(details or {})
        return entry(request, action, f"person:{self.name}", reason=reason, details=told)
