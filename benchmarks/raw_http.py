"""Webhooks as raw HTTP, made from the simulator's requests with their ids replaced.

Each comes from a new person, so that each starts a conversation and a job.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from urllib.parse import urlencode

from bot.messengers.kakao.simulated_requests import skill_request
from bot.messengers.slack.simulated_events import event_callback, message
from bot.messengers.slack.simulated_requests import command_form, signed_command

KAKAO_SECRET = "a-secret-of-the-benchmarks-only-32"
SLACK_SECRET = "a-signing-secret-of-the-benchmarks"
SLACK_TOKEN = "xoxb-of-the-benchmarks"
#: The workspaces that events come from.
WORKSPACES = 25
QUESTION = "이번 주말 부산 날씨는 어때요?"

#: The placeholders of the request's number and of its person in a template.
MARK, PERSON = b"MARK", b"WHO"
#: Who writes in a crowd, each again and again.
CROWD = 200

#: Builds the raw request with this number.
RequestBuilder = Callable[[int], bytes]


def slack_requests(run: str, origin: str, *, person: str = "MARK") -> RequestBuilder:
    """Slash commands of the run ``run``; answers go to ``origin``."""
    url = f"{origin}/slack/MARK"
    user = f"U{run}{person}" if person == "MARK" else f"U{person}"
    form = command_form(f"{QUESTION} #MARK", url, user_id=user, trigger_id=f"{run}.MARK")
    template = urlencode(form).encode()
    secret = hmac.new(SLACK_SECRET.encode(), digestmod=hashlib.sha256)

    def build(number: int) -> bytes:
        body = _filled(template, number)
        return _signed(
            secret, b"/webhooks/slack/commands", b"application/x-www-form-urlencoded", body
        )

    return build


def slack_event_requests(run: str, _origin: str) -> RequestBuilder:
    """Direct messages in many workspaces, as the Events API sends them."""
    person = f"{run.upper()}MARK"
    event = message(f"D{person}", f"U{person}", f"{QUESTION} #MARK")
    body = event_callback(event, event_id=f"Ev{person}", team_id="TWORKSPACE")
    parts = json.dumps(body, ensure_ascii=False).split("TWORKSPACE")
    workspaces = [f"T{n:04}".join(parts).encode().split(MARK) for n in range(WORKSPACES)]
    secret = hmac.new(SLACK_SECRET.encode(), digestmod=hashlib.sha256)

    def build(number: int) -> bytes:
        body = (b"%d" % number).join(workspaces[number % WORKSPACES])
        return _signed(secret, b"/webhooks/slack/events", b"application/json", body)

    return build


def kakao_requests(run: str, origin: str, *, person: str = "MARK") -> RequestBuilder:
    """Skill requests of the run ``run``; each with a callback URL of its own at ``origin``."""
    url = f"{origin}/kakao/MARK?run={run}"
    request = skill_request(f"{QUESTION} #MARK", callback_url=url)
    user = request["userRequest"]["user"]
    user["id"] = user["properties"]["botUserKey"] = f"{run}{person}" if person == "MARK" else person
    template = json.dumps(request, ensure_ascii=False).encode()

    def build(number: int) -> bytes:
        body = _filled(template, number)
        return (
            b"POST /webhooks/kakao HTTP/1.1\r\nHost: bot\r\nX-Bot-Secret: %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (KAKAO_SECRET.encode(), len(body), body)
        )

    return build


def slack_command(question: str, url: str) -> tuple[bytes, dict[str, str]]:
    """A slash command of a new person: body and headers."""
    person = f"U{hashlib.sha256(url.encode()).hexdigest()[:10].upper()}"
    return signed_command(SLACK_SECRET, question, response_url=url, user_id=person)


def _filled(template: bytes, number: int) -> bytes:
    """The template with the request's number, and its person of the crowd."""
    return template.replace(MARK, b"%d" % number).replace(PERSON, b"%d" % (number % CROWD))


def _signed(secret: hmac.HMAC, path: bytes, content_type: bytes, body: bytes) -> bytes:
    """A request with Slack's signature of now."""
    stamp = b"%d" % time.time()
    signature = secret.copy()
    signature.update(b"v0:%s:%s" % (stamp, body))
    return (
        b"POST %s HTTP/1.1\r\nHost: bot\r\nContent-Type: %s\r\n"
        b"X-Slack-Request-Timestamp: %s\r\nX-Slack-Signature: v0=%s\r\n"
        b"Content-Length: %d\r\n\r\n%s"
        % (path, content_type, stamp, signature.hexdigest().encode(), len(body), body)
    )


REQUEST_BUILDERS: dict[str, Callable[[str, str], RequestBuilder]] = {
    "slack": slack_requests,
    "slack_crowd": functools.partial(slack_requests, person="WHO"),
    "kakao_crowd": functools.partial(kakao_requests, person="WHO"),
    "slack_events": slack_event_requests,
    "kakao": kakao_requests,
}


@functools.cache
def content_length(head: bytes) -> int:
    """The Content-Length of a response's head; cached, as few different heads occur."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
