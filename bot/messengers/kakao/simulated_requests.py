"""Skill requests and callback receipts as Kakao makes them: for the simulator and stand-ins."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any, Literal

Trigger = Literal["TEXT_INPUT", "QUICKREPLY_BUTTON_MESSAGE", "CARD_BUTTON_MESSAGE"]

#: A photo's address as Kakao sends it; nothing is there.
SAMPLE_PHOTO_URL = "https://talk.kakaocdn.net/dn/simulated/photo/img.jpg?credential=simulated"

_BLOCK = {"id": "67a1f00dc0ffee0000000001", "name": "폴백 블록"}
_WELCOME_BLOCK_ID = "67a1f00dc0ffee0000000004"
_BOT = {"id": "67a1f00dc0ffee0000000002", "name": "블라썸"}
_SKILL = {"id": "67a1f00dc0ffee0000000003", "name": "블라썸에게 묻기"}


def skill_request(
    utterance: str,
    user: str = "simulated-person",
    callback_url: str | None = None,
    extra: dict[str, Any] | None = None,
    trigger: Trigger | None = None,
    bot_id: str = "",
) -> dict[str, Any]:
    """The JSON body of a skill request, with every object that Kakao's guide shows.

    ``user`` becomes the bot user key; ``extra`` is the payload of a tapped button;
    ``bot_id`` replaces the simulated bot's.
    """
    tapped: Trigger = "QUICKREPLY_BUTTON_MESSAGE" if extra else "TEXT_INPUT"
    request: dict[str, Any] = {
        "timezone": "Asia/Seoul",
        "lang": "ko",
        "params": {"surface": "Kakaotalk.plusfriend"},
        "block": dict(_BLOCK),
        "utterance": utterance,
        "user": _user(hashlib.sha256(user.encode()).hexdigest()),
    }
    if callback_url is not None:
        request["callbackUrl"] = callback_url
    return {
        "bot": {**_BOT, "id": bot_id or _BOT["id"]},
        "intent": {**_BLOCK, "extra": {"reason": {"code": 1, "message": "OK"}}},
        "action": {**_SKILL, "params": {}, "detailParams": {}, "clientExtra": extra or {}},
        "userRequest": request,
        "contexts": [],
        "flow": {
            "trigger": {"type": trigger or tapped, "referrerBlock": dict(_BLOCK)},
            "lastBlock": dict(_BLOCK),
        },
    }


def as_photo(request: dict[str, Any], url: str = SAMPLE_PHOTO_URL) -> dict[str, Any]:
    """The request of a photo: its URL stands in place of the text, and among the parameters."""
    user_request = request["userRequest"]
    media = {"type": "image", "url": url}
    changed = {"utterance": url, "params": {**user_request["params"], "media": media}}
    flow = {**request["flow"], "trigger": {"type": "IMAGE_UPLOAD", "referrerBlock": _BLOCK}}
    return {**request, "userRequest": {**user_request, **changed}, "flow": flow}


def as_secure_images(request: dict[str, Any], urls: Sequence[str]) -> dict[str, Any]:
    """The request of a block with the secure-image plugin, which the person has filled in."""
    value = {
        "privacyAgreement": "Y",
        "imageQuantity": str(len(urls)),
        "secureUrls": f"List({', '.join(urls)})",
        "expire": "2026-11-26T12:00:00",
    }
    origin = json.dumps(value, ensure_ascii=False)
    details = {"secureimage": {"origin": origin, "value": origin, "groupName": ""}}
    action = {**request["action"], "params": {"secureimage": origin}, "detailParams": details}
    return {**request, "action": action}


def as_welcome(request: dict[str, Any]) -> dict[str, Any]:
    """The request of the welcome block, for a person who enters the channel."""
    block = {"id": _WELCOME_BLOCK_ID, "name": "웰컴 블록"}
    return {**request, "userRequest": {**request["userRequest"], "block": block}}


def _user(key: str) -> dict[str, Any]:
    properties = {
        "botUserKey": key,
        "plusfriendUserKey": key[:20],
        "plusfriend_user_key": key[:20],
        "isFriend": True,
    }
    return {"id": key, "type": "botUserKey", "properties": properties}


def callback_receipt(status: Literal["SUCCESS", "FAIL", "ERROR"], message: str) -> dict[str, Any]:
    """The response of Kakao's callback host; ``status`` is more precise than HTTP's."""
    return {
        "taskId": str(uuid.uuid4()),
        "status": status,
        "message": message,
        "timestamp": int(time.time()),
    }
