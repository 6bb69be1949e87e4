"""KakaoTalk's limits, as of November 2026; the simulator and the test stand-in enforce them.

Sources: Kakao's guides to response types and to the AI chatbot callback. Lengths are code points;
where Kakao counts without spaces, this module counts strictly.
"""

from __future__ import annotations

from typing import Any

from bot.simulator.limits import LimitChecks

SKILL_TIMEOUT_S = 5.0  #: measured at Kakao, network included
CALLBACK_LIFETIME_S = 60.0  #: older guides and measurements; a newer page says 300
MAX_OUTPUTS = 3
MAX_QUICK_REPLIES = 10
MAX_TEXT_CHARS = 1000
FOLD_CHARS = 500  #: longer bubbles are folded behind "전체보기"
MAX_TITLE_CHARS = 50
MAX_CARD_CHARS = 400  #: a text card's title and description together
MAX_BUTTONS = {"vertical": 3, "horizontal": 2}
MAX_BUTTON_LABEL_CHARS = 14
COMPONENTS = frozenset(
    {
        "simpleText",
        "simpleImage",
        "textCard",
        "basicCard",
        "listCard",
        "itemCard",
        "commerceCard",
        "carousel",
    }
)

_CHECK = LimitChecks()


def is_callback_acknowledgement(body: object) -> bool:
    """Whether a skill response promises a callback; raises LimitError if it also answers.

    The callback guide: ``useCallback: true`` comes with ``version`` and without ``template``.
    """
    if not isinstance(body, dict) or body.get("useCallback") is not True:
        return False
    _CHECK.require(body.get("version") == "2.0", 'version must be "2.0"')
    _CHECK.require("template" not in body, "useCallback must come without a template")
    return True


def check_skill_response(body: object) -> None:
    """Raise LimitError unless Kakao would show this skill response (version 2.0)."""
    response = _CHECK.fields(body, "the response")
    _CHECK.require(response.get("version") == "2.0", 'version must be "2.0"')
    template = _CHECK.fields(response.get("template"), "template")
    outputs = _CHECK.items(template.get("outputs"), "outputs", MAX_OUTPUTS)
    _CHECK.require(bool(outputs), "outputs must not be empty")
    for output in outputs:
        _check_component(_CHECK.fields(output, "an output"))
    for reply in _CHECK.items(template.get("quickReplies", []), "quickReplies", MAX_QUICK_REPLIES):
        _check_quick_reply(_CHECK.fields(reply, "a quick reply"))


def _check_component(output: dict[str, Any]) -> None:
    _CHECK.require(len(output) == 1, "an output holds exactly one component")
    name, component = next(iter(output.items()))
    _CHECK.require(name in COMPONENTS, f"unknown component {name!r}")
    component = _CHECK.fields(component, name)
    if name == "simpleText":
        _CHECK.text(component.get("text"), "simpleText.text", MAX_TEXT_CHARS)
    elif name == "textCard":
        _check_text_card(component)


def _check_text_card(card: dict[str, Any]) -> None:
    title, description = card.get("title"), card.get("description")
    _CHECK.require(bool(title or description), "textCard needs a title or a description")
    if title is not None:
        _CHECK.text(title, "textCard.title", MAX_TITLE_CHARS)
    if description is not None:
        _CHECK.text(description, "textCard.description", MAX_CARD_CHARS)
    both = len(title or "") + len(description or "")
    fits = both <= MAX_CARD_CHARS
    _CHECK.require(fits, f"textCard: {both} characters, at most {MAX_CARD_CHARS}")
    layout = card.get("buttonLayout", "vertical")
    _CHECK.require(layout in MAX_BUTTONS, f"unknown buttonLayout {layout!r}")
    for button in _CHECK.items(card.get("buttons", []), "buttons", MAX_BUTTONS[layout]):
        _check_button(_CHECK.fields(button, "a button"))


def _check_button(button: dict[str, Any]) -> None:
    _CHECK.text(button.get("label"), "a button's label", MAX_BUTTON_LABEL_CHARS)
    needs = {"webLink": "webLinkUrl", "message": "messageText", "block": "blockId"}
    action = button.get("action")
    _CHECK.require(action in {*needs, "phone", "share", "operator"}, f"unknown action {action!r}")
    if action in needs:
        _CHECK.text(button.get(needs[action]), needs[action], MAX_TEXT_CHARS)


def _check_quick_reply(reply: dict[str, Any]) -> None:
    _CHECK.text(reply.get("label"), "a quick reply's label", MAX_TITLE_CHARS)
    action = reply.get("action")
    _CHECK.require(action in {"message", "block"}, f"unknown action {action!r}")
    needed = "messageText" if action == "message" else "blockId"
    _CHECK.text(reply.get(needed), needed, MAX_TEXT_CHARS)
