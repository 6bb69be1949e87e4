"""The messengers of this bot: a folder and a line here each."""

from __future__ import annotations

from bot.messengers.generic.plugin import GenericPlugin
from bot.messengers.kakao.plugin import KakaoPlugin
from bot.messengers.plugin import MessengerPlugin
from bot.messengers.slack.plugin import SlackPlugin

MESSENGERS: tuple[type[MessengerPlugin], ...] = (
    KakaoPlugin,
    SlackPlugin,
    GenericPlugin,
)
