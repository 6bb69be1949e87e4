"""Genuine webhooks as bytes on the wire: made from the simulator's, with only the ids exchanged.

Each is from a person who asks for the first time, so that each begins a conversation and a job.
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
from bot.messengers.slack.simulated_requests import command_form, signed_command

KAKAO_SECRET = "a-secret-of-the-benchmarks-only-32"
SLACK_SECRET = "a-signing-secret-of-the-benchmarks"
QUESTION = "이번 주말 부산 날씨는 어때요?"

#: Stands in a template where the number of the request goes.
MARK = b"MARK"

#: Makes the bytes of the request with this number.
Shot = Callable[[int], bytes]


def slack_shot(run: str, origin: str) -> Shot:
    """Slash commands of the run ``run``; the answers go to ``origin``."""
    url = f"{origin}/slack/MARK"
    form = command_form(f"{QUESTION} #MARK", url, user_id=f"U{run}MARK", trigger_id=f"{run}.MARK")
    body_parts = urlencode(form).encode().split(MARK)
    secret = hmac.new(SLACK_SECRET.encode(), digestmod=hashlib.sha256)

    def shot(number: int) -> bytes:
        body = (b"%d" % number).join(body_parts)
        stamp = b"%d" % time.time()
        signature = secret.copy()
        signature.update(b"v0:%s:%s" % (stamp, body))
        return (
            b"POST /webhooks/slack/commands HTTP/1.1\r\nHost: bot\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n"
            b"X-Slack-Request-Timestamp: %s\r\nX-Slack-Signature: v0=%s\r\n"
            b"Content-Length: %d\r\n\r\n%s"
            % (stamp, signature.hexdigest().encode(), len(body), body)
        )

    return shot


def kakao_shot(run: str, origin: str) -> Shot:
    """Skill requests of the run ``run``; each with a callback URL of its own at ``origin``."""
    url = f"{origin}/kakao/MARK?run={run}"
    request = skill_request(f"{QUESTION} #MARK", callback_url=url)
    person = request["userRequest"]["user"]
    person["id"] = person["properties"]["botUserKey"] = f"{run}MARK"
    body_parts = json.dumps(request, ensure_ascii=False).encode().split(MARK)

    def shot(number: int) -> bytes:
        body = (b"%d" % number).join(body_parts)
        return (
            b"POST /webhooks/kakao HTTP/1.1\r\nHost: bot\r\nX-Bot-Secret: %s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (KAKAO_SECRET.encode(), len(body), body)
        )

    return shot


def slack_command(question: str, url: str) -> tuple[bytes, dict[str, str]]:
    """One slash command from a person of its own: body and headers."""
    person = f"U{hashlib.sha256(url.encode()).hexdigest()[:10].upper()}"
    return signed_command(SLACK_SECRET, question, response_url=url, user_id=person)


SHOTS: dict[str, Callable[[str, str], Shot]] = {"slack": slack_shot, "kakao": kakao_shot}


@functools.cache
def content_length(head: bytes) -> int:
    """The Content-Length of a response's head; the few heads there are recur."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
