"""What odd responses of Slack's Web API mean: certainly nothing, perhaps something, or done."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from bot.domain.deliveries import Outcome
from bot.http.outbound import Reply
from bot.messengers.slack.api import MAX_RETRY_AFTER_S, read_result


def reply(status: int, body: bytes, **headers: str) -> Reply:
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status=status, body=body, headers=named)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"[]",
        b"null",
        b"true",
        b'"ok"',
        b"{}",
        b'{"ok": "true"}',
        b'{"ok": 1}',
        b'{"ok": null, "error": null}',
        b'{"ok": false, "error": 5}',
        b'{"ok": false, "error": "Not A Word"}',
        b'{"ok": false, "error": "fatal_error"}',
        b'{"ok": true',
        b"\xff\xfe",
        b"{" * 100_000,
        b'{"ok": true, "ts": "' + b"1" * 2_000_000,
    ],
)
def test_a_200_that_does_not_say_ok_is_not_certain(body: bytes) -> None:
    assert read_result(reply(200, body)).outcome is Outcome.UNCONFIRMED


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("1", 1.0),
        ("0", 0.0),
        ("30", 30.0),
        ("999999", MAX_RETRY_AFTER_S),
        ("99999999999", None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        ("", None),
        ("\uff11", None),
    ],
)
def test_a_pause_is_believed_in_seconds_and_within_bounds(
    asked: str, expected: float | None
) -> None:
    result = read_result(reply(429, b'{"ok": false, "error": "ratelimited"}', Retry_After=asked))
    assert (result.outcome, result.retry_after_s) == (Outcome.RETRY, expected)
