"""KakaoTalk's limits of the components of an answer: texts, pictures, cards, their buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.limits import LimitChecks, LimitError

MAX_TEXT_CHARS = 1000
MAX_TITLE_CHARS = 50
MAX_CARD_CHARS = 400  #: a text card's title and description together
MAX_CAROUSEL_TEXT_CHARS = 128  #: the description of a text card in a carousel
MAX_ALT_CHARS = 50
MAX_BASIC_CHARS = 230  #: the description of a basic card
MAX_COMMERCE_TITLE_CHARS = 30
MAX_COMMERCE_CHARS = 40
MAX_LIST_ITEMS = 5
MAX_CAROUSEL_LIST_ITEMS = 4
MAX_ITEM_ROWS = 10
MAX_CAROUSEL_ITEM_ROWS = 5
MAX_ITEM_TITLE_CHARS = 6
MAX_ITEM_CHARS = 200  #: an item card's title and description together
MAX_CARDS = 10
MAX_LIST_CARDS = 5
MAX_BUTTONS = {"vertical": 3, "horizontal": 2}
MAX_BUTTON_LABEL_CHARS = 14
MAX_PAIRED_LABEL_CHARS = 8  #: of two buttons beside each other

#: The field that an action needs.
_BUTTON_ACTIONS = {
    "webLink": "webLinkUrl",
    "message": "messageText",
    "block": "blockId",
    "phone": "phoneNumber",
    "share": "",
    "operator": "",
}

_CHECK = LimitChecks()


def check_component(output: dict[str, Any], *, in_carousel: bool = False) -> None:
    """Raise LimitError unless Kakao would show this output."""
    _CHECK.require(len(output) == 1, "an output holds exactly one component")
    name, component = next(iter(output.items()))
    check = _COMPONENTS.get(name)
    if check is None or (in_carousel and name in _NOT_IN_CAROUSELS):
        raise LimitError(f"unknown component {name!r}{' in a carousel' if in_carousel else ''}")
    check(_CHECK.fields(component, name), in_carousel)


def check_action(button: dict[str, Any], actions: Mapping[str, str]) -> None:
    """Raise LimitError unless the button has an action, and what that needs."""
    action = button.get("action")
    known = isinstance(action, str) and action in actions
    _CHECK.require(known, f"unknown action {action!r}")
    if needed := actions[str(action)]:
        _CHECK.text(button.get(needed), needed, MAX_TEXT_CHARS)
    if button.get("extra") is not None:
        _CHECK.fields(button["extra"], "extra")


def _check_simple_text(component: dict[str, Any], _: bool) -> None:
    _CHECK.text(component.get("text"), "simpleText.text", MAX_TEXT_CHARS)


def _check_simple_image(component: dict[str, Any], _: bool) -> None:
    _check_image(component, "simpleImage")
    _CHECK.text(component.get("altText"), "simpleImage.altText", MAX_ALT_CHARS)


def _check_text_card(card: dict[str, Any], in_carousel: bool) -> None:
    title, description = card.get("title"), card.get("description")
    _CHECK.require(bool(title or description), "textCard needs a title or a description")
    if title is not None:
        _CHECK.text(title, "textCard.title", MAX_TITLE_CHARS)
    if description is not None:
        max_chars = MAX_CAROUSEL_TEXT_CHARS if in_carousel else MAX_CARD_CHARS
        _CHECK.text(description, "textCard.description", max_chars)
    both = len(title or "") + len(description or "")
    fits = both <= MAX_CARD_CHARS
    _CHECK.require(fits, f"textCard: {both} characters, at most {MAX_CARD_CHARS}")
    _check_buttons(card)


def _check_basic_card(card: dict[str, Any], _: bool) -> None:
    _check_image(_CHECK.fields(card.get("thumbnail"), "basicCard.thumbnail"), "thumbnail")
    _check_optional(card, "title", MAX_TITLE_CHARS)
    _check_optional(card, "description", MAX_BASIC_CHARS)
    _check_buttons(card)


def _check_list_card(card: dict[str, Any], in_carousel: bool) -> None:
    header = _CHECK.fields(card.get("header"), "listCard.header")
    _CHECK.text(header.get("title"), "listCard.header.title", MAX_TITLE_CHARS)
    max_items = MAX_CAROUSEL_LIST_ITEMS if in_carousel else MAX_LIST_ITEMS
    items = _CHECK.items(card.get("items"), "listCard.items", max_items)
    _CHECK.require(bool(items), "listCard.items must not be empty")
    for item in items:
        fields = _CHECK.fields(item, "an item")
        _CHECK.text(fields.get("title"), "an item's title", MAX_TITLE_CHARS)
        if "action" in fields:
            check_action(fields, {"message": "messageText", "block": "blockId"})
    _check_buttons(card)


def _check_item_card(card: dict[str, Any], in_carousel: bool) -> None:
    _CHECK.require(not ("head" in card and "profile" in card), "itemCard: head or profile")
    max_rows = MAX_CAROUSEL_ITEM_ROWS if in_carousel else MAX_ITEM_ROWS
    rows = _CHECK.items(card.get("itemList"), "itemCard.itemList", max_rows)
    _CHECK.require(bool(rows), "itemCard.itemList must not be empty")
    for row in rows:
        fields = _CHECK.fields(row, "an item")
        _CHECK.text(fields.get("title"), "an item's title", MAX_ITEM_TITLE_CHARS)
        _CHECK.text(fields.get("description"), "an item's description", MAX_TEXT_CHARS)
    both = "".join(str(card.get(name) or "") for name in ("title", "description"))
    _CHECK.require(len(both) <= MAX_ITEM_CHARS, f"itemCard: more than {MAX_ITEM_CHARS} characters")
    _check_buttons(card)


def _check_commerce_card(card: dict[str, Any], _: bool) -> None:
    _check_optional(card, "title", MAX_COMMERCE_TITLE_CHARS)
    _check_optional(card, "description", MAX_COMMERCE_CHARS)
    price = card.get("price")
    _CHECK.require(type(price) in {int, float}, "commerceCard.price must be a number")
    thumbnails = _CHECK.items(card.get("thumbnails"), "commerceCard.thumbnails", 1)
    _CHECK.require(bool(thumbnails), "commerceCard needs a thumbnail")
    _check_image(_CHECK.fields(thumbnails[0], "a thumbnail"), "thumbnail")
    _check_buttons(card)


def _check_carousel(carousel: dict[str, Any], _: bool) -> None:
    kind = str(carousel.get("type"))
    max_cards = MAX_LIST_CARDS if kind == "listCard" else MAX_CARDS
    cards = _CHECK.items(carousel.get("items"), "carousel.items", max_cards)
    _CHECK.require(bool(cards), "carousel.items must not be empty")
    has_header = "header" in carousel and kind in {"textCard", "listCard"}
    _CHECK.require(not has_header, f"a carousel of {kind} has no header")
    for card in cards:
        check_component({kind: card}, in_carousel=True)


def _check_image(image: dict[str, Any], name: str) -> None:
    url = _CHECK.text(image.get("imageUrl"), f"{name}.imageUrl", MAX_TEXT_CHARS)
    _CHECK.require(url.startswith(("https://", "http://")), f"{name}.imageUrl must be a URL")


def _check_optional(card: dict[str, Any], name: str, max_chars: int) -> None:
    if card.get(name) is not None:
        _CHECK.text(card[name], name, max_chars)


def _check_buttons(card: dict[str, Any]) -> None:
    layout = card.get("buttonLayout", "vertical")
    known = isinstance(layout, str) and layout in MAX_BUTTONS
    _CHECK.require(known, f"unknown buttonLayout {layout!r}")
    buttons = _CHECK.items(card.get("buttons", []), "buttons", MAX_BUTTONS[str(layout)])
    is_paired = layout == "horizontal" and len(buttons) > 1
    for button in buttons:
        fields = _CHECK.fields(button, "a button")
        max_chars = MAX_PAIRED_LABEL_CHARS if is_paired else MAX_BUTTON_LABEL_CHARS
        _CHECK.text(fields.get("label"), "a button's label", max_chars)
        check_action(fields, _BUTTON_ACTIONS)


_COMPONENTS: dict[str, Callable[[dict[str, Any], bool], None]] = {
    "simpleText": _check_simple_text,
    "simpleImage": _check_simple_image,
    "textCard": _check_text_card,
    "basicCard": _check_basic_card,
    "listCard": _check_list_card,
    "itemCard": _check_item_card,
    "commerceCard": _check_commerce_card,
    "carousel": _check_carousel,
}
_NOT_IN_CAROUSELS = frozenset({"simpleText", "simpleImage", "carousel"})
