"""Requests out of docs/openapi.yml, and answers held to it, by schemathesis."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from yarl import URL

from fakes.generic import signed_headers
from tests.fuzz.requests import signed
from tests.fuzz.target import Target
from tests.support.stack import GENERIC_SECRET, KAKAO_SECRET

DESCRIPTION = Path(__file__).parents[2] / "docs/openapi.yml"
STREAMS = {"/simulator/events", "/webhooks/generic/results/{id}/events"}
CHECKS = [content_type_conformance, response_schema_conformance]


def operations() -> list[Any]:
    """Everything described, but the streams of events: the simulator's never ends."""
    schema: Any = schemathesis.openapi.from_path(str(DESCRIPTION))
    found = [result.ok() for result in schema.get_all_operations()]
    return [operation for operation in found if operation.path not in STREAMS]


def answers(target: Target, requests: int, number: int) -> Counter[int]:
    """Send so many, each operation its share; raises the failed checks of the smallest case."""
    statuses: Counter[int] = Counter()
    described = operations()
    for operation in described:
        _ask(target, operation, max(1, requests // len(described)), number, statuses)
    return statuses


def _ask(
    target: Target, operation: Any, examples: int, number: int, statuses: Counter[int]
) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def one(case: Any) -> None:
        response = case.call(
            base_url=target.origin, headers=_credentials(target, case), allow_redirects=False
        )
        statuses[response.status_code] += 1
        honest = [] if operation.path == "/readyz" else [not_a_server_error]
        # What is empty has neither a type nor a shape.
        of_body = CHECKS if response.content else []
        case.validate_response(response, checks=[status_code_conformance, *of_body, *honest])

    one()


def _credentials(target: Target, case: Any) -> dict[str, str]:
    """What lets the request past the guard."""
    path = case.operation.path
    if path == "/webhooks/kakao":
        return {"X-Bot-Secret": KAKAO_SECRET}
    if path.startswith("/webhooks/slack"):
        body = case.as_transport_kwargs(base_url=target.origin)
        return {name.decode(): shown.decode() for name, shown in signed(_bytes(body))}
    if path.startswith("/webhooks/generic"):
        sent = case.as_transport_kwargs(base_url=target.origin)
        path_sent = URL(str(sent["url"]), encoded=True).raw_path.encode()
        return signed_headers(GENERIC_SECRET, _bytes(sent) if case.method == "POST" else path_sent)
    if path.startswith("/admin"):
        return {"Cookie": target.operator} if path != "/admin/logout" else {}
    if path == "/simulator/reset":  # not of this session: the rest would only hear it is gone
        return {"Cookie": "simulator=nobody", "Origin": target.origin}
    return {"Cookie": target.visitor, "Origin": target.origin}


def _bytes(sent: dict[str, Any]) -> bytes:
    """The body as requests will put it on the wire."""
    import requests

    plain = {key: sent.get(key) for key in ("data", "json", "files")}
    body = requests.Request("POST", "http://x/", **plain).prepare().body
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else b""
