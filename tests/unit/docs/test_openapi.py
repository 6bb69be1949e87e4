"""docs/openapi.yml tells the truth: every route, its methods, and what a genuine request holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.app import create_app
from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.kakao.skill_secrets import SECRET_HEADER
from bot.messengers.slack.simulated_requests import signed_command
from tests.support.stack import SLACK_OAUTH, settings_for

DESCRIPTION: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[3] / "docs/openapi.yml").read_text("utf-8")
)
OPERATIONS = [
    (path, method, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]


def served(*, simulator: bool) -> set[tuple[str, str]]:
    """Every route of the app; HEAD comes with GET."""
    app = create_app(
        settings_for(
            "postgresql://nobody@127.0.0.1:1/none",
            "redis://127.0.0.1:1",
            simulator=simulator,
            **SLACK_OAUTH,
        )
    )
    routes = {
        (route.resource.canonical, route.method.lower())
        for route in app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    return {(re.sub(r"/simulator/static$", r"\g<0>/{file}", path), verb) for path, verb in routes}


def test_description_holds_every_route_and_no_other() -> None:
    assert {(path, method) for path, method, _ in OPERATIONS} == served(simulator=True)


def test_simulator_routes_exist_only_with_the_simulator() -> None:
    marked = {(path, method) for path, method, op in OPERATIONS if op["tags"] == ["simulator"]}
    assert marked == served(simulator=True) - served(simulator=False)


def test_nobody_installs_the_app_where_oauth_is_not_set_up() -> None:
    app = create_app(settings_for("postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1"))
    paths = {route.resource.canonical for route in app.router.routes() if route.resource}
    assert not {"/webhooks/slack/install", "/webhooks/slack/oauth_redirect"} & paths


def test_every_reference_leads_somewhere() -> None:
    for reference in re.findall(r"'\$ref': '#/([^']+)'", str(DESCRIPTION)):
        place: Any = DESCRIPTION
        for key in reference.split("/"):
            place = place[key]
        assert place


def test_every_operation_has_a_name_of_its_own_and_a_known_tag() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert {tag for _, _, op in OPERATIONS for tag in op["tags"]} == {
        tag["name"] for tag in DESCRIPTION["tags"]
    }


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/webhooks/kakao", {SECRET_HEADER}),
        ("/webhooks/slack/commands", {"X-Slack-Signature", "X-Slack-Request-Timestamp"}),
    ],
)
def test_the_headers_of_a_webhook_are_named(path: str, headers: set[str]) -> None:
    schemes = DESCRIPTION["components"]["securitySchemes"]
    [required] = DESCRIPTION["paths"][path]["post"]["security"]
    assert {schemes[name]["name"] for name in required} == headers


def test_the_fields_of_genuine_requests_are_named() -> None:
    schemas = DESCRIPTION["components"]["schemas"]
    skill = skill_request("안녕", callback_url="https://bot-api.kakao.com/x")
    assert set(skill) == set(schemas["SkillRequest"]["properties"])
    body, _ = signed_command("secret", "안녕", response_url="https://hooks.slack.com/x")
    sent = {field.partition("=")[0] for field in body.decode().split("&")}
    assert set(schemas["SlashCommand"]["required"]) <= sent
    assert {"text", "team_id", "user_id", "trigger_id", "response_url"} <= sent
