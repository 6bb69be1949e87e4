"""The form of a retention rule, as it is typed."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Self

from bot.domain.turns import clean_text
from bot.store.retention_rules import MAX_DAYS

#: Longer than any tenant's name.
MAX_TENANT_CHARS = 200


class BadRule(ValueError):
    """A form that says no rule; the text is a Korean sentence, a key of the catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose turns a rule is about; empty: all of them."""

    messenger: str
    tenant: str

    @classmethod
    def parse(cls, form: Mapping[str, str], messengers: Container[str]) -> Self:
        """Read the form's scope. Raises BadRule."""
        messenger, tenant = form.get("messenger", ""), clean_text(form.get("tenant", "")).strip()
        if messenger and messenger not in messengers:
            raise BadRule("메신저를 목록에서 골라 주세요.")
        if tenant and not messenger:
            raise BadRule("워크스페이스를 정하려면 메신저도 골라 주세요.")
        if len(tenant) > MAX_TENANT_CHARS:
            raise BadRule("워크스페이스 이름이 너무 깁니다.")
        return cls(messenger=messenger, tenant=tenant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.messenger, self.tenant) if part)


def read_days(form: Mapping[str, str]) -> int | None:
    """How many days turns are kept; None: for ever. Raises BadRule."""
    if form.get("keep") == "forever":
        return None
    raw = form.get("days", "").strip()
    if not (raw.isascii() and raw.isdecimal()) or not 1 <= int(raw[:9]) <= MAX_DAYS:
        raise BadRule("보관 기간은 1일부터 36500일까지 숫자로 적어 주세요.")
    return int(raw[:9])
