"""Buttons and forms in Slack: judge an answer, stop it, erase, call a human (slack.md 3.3).

The value of a button names its turn; who pressed it, and where, Slack says itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bot.domain.feedback import MAX_NOTE_CHARS, Vote
from bot.messengers.parsing import held_turn_id
from bot.text.catalog import Texts

VOTE_ACTION = "answer_vote"
STOP_ACTION = "answer_stop"
ERASE_ACTION = "person_erase"
BOT_ACTION = "human_end"
PROMPT_ACTION = "link"
REASON_VIEW = "vote_reason"
REASONS_BLOCK, NOTE_BLOCK = "reasons", "note"


#: Which buttons are tried, by the setting: Slack's own element, then plain ones.
VOTE_BUTTONS: dict[str, tuple[bool, ...]] = {
    "native": (True, False),
    "classic": (False,),
    "off": (),
}


@dataclass(frozen=True, slots=True)
class VoteValue:
    """What a vote's button carries."""

    turn_id: UUID
    vote: Vote

    def __str__(self) -> str:
        return f"{self.vote.value}:{self.turn_id}"


def read_vote(raw: object) -> VoteValue | None:
    """The value of a vote's button; None for anything else."""
    vote, _, turn = raw.partition(":") if isinstance(raw, str) else ("", "", "")
    turn_id = held_turn_id(turn)
    if turn_id is None or vote not in set(Vote):
        return None
    return VoteValue(turn_id, Vote(vote))


def vote_blocks(turn_id: UUID, texts: Texts, *, native: bool) -> list[dict[str, Any]]:
    """The buttons below an answer: Slack's own element, or two plain buttons."""
    good, bad = (str(VoteValue(turn_id, vote)) for vote in (Vote.GOOD, Vote.BAD))
    if native:
        element = {
            "type": "feedback_buttons",
            "action_id": VOTE_ACTION,
            "positive_button": _labelled(texts.good_label, texts.good_name, good),
            "negative_button": _labelled(texts.bad_label, texts.bad_name, bad),
        }
        return [{"type": "context_actions", "elements": [element]}]
    # Two elements of one block need ids of their own.
    buttons = [
        _button(f"{VOTE_ACTION}_good", texts.good_label, good),
        _button(f"{VOTE_ACTION}_bad", texts.bad_label, bad),
    ]
    return [{"type": "actions", "elements": buttons}]


def stop_blocks(turn_id: UUID, texts: Texts) -> list[dict[str, Any]]:
    """The button below an answer that is being written."""
    return [{"type": "actions", "elements": [_button(STOP_ACTION, texts.stop_label, str(turn_id))]}]


def erasure_blocks(texts: Texts) -> list[dict[str, Any]]:
    """The question before an erasure, and its button."""
    button = _button(ERASE_ACTION, texts.erase_label, "erase") | {"style": "danger"}
    return [_section(texts.erase_confirm), {"type": "actions", "elements": [button]}]


def human_blocks(texts: Texts, user: str, link: str) -> list[dict[str, Any]]:
    """The call for a human: who asks, and the link to the thread."""
    asked = {"type": "mrkdwn", "text": f"{texts.human_wanted} <@{user}>"}
    blocks: list[dict[str, Any]] = [{"type": "section", "text": asked}]
    if link:
        button = {
            "type": "button",
            "action_id": PROMPT_ACTION,
            "text": {"type": "plain_text", "text": texts.human_open},
            "url": link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return blocks


def reason_view(value: VoteValue, channel: str, texts: Texts) -> dict[str, Any]:
    """The form that asks why an answer was bad; ``channel`` is where it was shown."""
    options = [
        {"text": {"type": "plain_text", "text": label}, "value": code}
        for code, label in texts.reasons.items()
    ]
    return {
        "type": "modal",
        "callback_id": REASON_VIEW,
        "private_metadata": f"{value}:{channel}",
        "title": {"type": "plain_text", "text": texts.reason_title},
        "submit": {"type": "plain_text", "text": texts.reason_send},
        "close": {"type": "plain_text", "text": texts.reason_close},
        "blocks": [
            _input(
                REASONS_BLOCK,
                texts.vote_reason,
                {"type": "checkboxes", "action_id": REASONS_BLOCK, "options": options},
            ),
            _input(
                NOTE_BLOCK,
                texts.reason_note,
                {
                    "type": "plain_text_input",
                    "action_id": NOTE_BLOCK,
                    "multiline": True,
                    "max_length": MAX_NOTE_CHARS,
                },
            ),
        ],
    }


def read_reason_metadata(raw: object) -> tuple[VoteValue, str] | None:
    """The vote and the channel of the form; None for anything else."""
    found = re.fullmatch(r"(bad:[0-9a-f-]{36}):([A-Z0-9]{1,40})", str(raw))
    value = read_vote(found[1]) if found else None
    return (value, found[2]) if found and value else None


def _labelled(label: str, name: str, value: str) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"text": text, "accessibility_label": name, "value": value}


def _button(action: str, label: str, value: str) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "action_id": action, "text": text, "value": value}


def _section(sentence: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "plain_text", "text": sentence}}


def _input(block: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"type": "input", "block_id": block, "optional": True, "label": text, "element": element}
