"""KakaoTalk's limits, as of November 2026; the simulator and the test stand-in enforce them.

Sources: Kakao's guides to response types and to the AI chatbot callback. Lengths are code points;
where Kakao counts without spaces, this module counts strictly.
"""

from __future__ import annotations

from typing import Any

from bot.messengers.kakao import card_limits
from bot.messengers.kakao.card_limits import check_action, check_component
from bot.simulator.limits import LimitChecks

SKILL_TIMEOUT_S = 5.0  #: measured at Kakao, network included
CALLBACK_LIFETIME_S = 60.0  #: older guides and measurements; a newer page says 300
MAX_OUTPUTS = 3
MAX_QUICK_REPLIES = 10
FOLD_CHARS = 500  #: longer bubbles are folded behind "전체보기"
MAX_TEXT_CHARS = card_limits.MAX_TEXT_CHARS
MAX_BUTTON_LABEL_CHARS = card_limits.MAX_BUTTON_LABEL_CHARS
#: No official length; longer labels of buttons are cut.
MAX_QUICK_REPLY_LABEL_CHARS = 14

_CHECK = LimitChecks()


def is_callback_acknowledgement(body: object) -> bool:
    """Whether a skill response promises a callback; raises LimitError if it also answers.

    The callback guide: ``useCallback: true`` comes with ``version`` and without ``template``.
    """
    if not isinstance(body, dict) or body.get("useCallback") is not True:
        return False
    _CHECK.require(body.get("version") == "2.0", 'version must be "2.0"')
    _CHECK.require("template" not in body, "useCallback must come without a template")
    if "data" in body:
        _CHECK.fields(body["data"], "data")
    return True


def check_skill_response(body: object) -> None:
    """Raise LimitError unless Kakao would show this skill response (version 2.0)."""
    response = _CHECK.fields(body, "the response")
    _CHECK.require(response.get("version") == "2.0", 'version must be "2.0"')
    _CHECK.require("useCallback" not in response, "useCallback must come without a template")
    template = _CHECK.fields(response.get("template"), "template")
    outputs = _CHECK.items(template.get("outputs"), "outputs", MAX_OUTPUTS)
    _CHECK.require(bool(outputs), "outputs must not be empty")
    for output in outputs:
        check_component(_CHECK.fields(output, "an output"))
    for reply in _CHECK.items(template.get("quickReplies", []), "quickReplies", MAX_QUICK_REPLIES):
        _check_quick_reply(_CHECK.fields(reply, "a quick reply"))


def check_webhook_response(body: object, *, callback_offered: bool) -> None:
    """Raise LimitError unless Kakao accepts the webhook's response to one request."""
    if is_callback_acknowledgement(body):
        _CHECK.require(callback_offered, "useCallback for a request without a callback URL")
    else:
        check_skill_response(body)


def _check_quick_reply(reply: dict[str, Any]) -> None:
    _CHECK.text(reply.get("label"), "a quick reply's label", MAX_QUICK_REPLY_LABEL_CHARS)
    check_action(reply, {"message": "messageText", "block": "blockId"})
