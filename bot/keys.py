"""Where the parts of the application are found: typed keys, one per part."""

from __future__ import annotations

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.backlog import Backlog
from bot.delivery import Delivery
from bot.dialogue import Dialogue
from bot.forecast import Forecast
from bot.messengers.kakao import Kakao
from bot.messengers.slack import Slack
from bot.presence import Presence
from bot.rate import RateLimit
from bot.settings import Settings
from bot.texts import Texts
from bot.waiters import Waiters

SETTINGS = web.AppKey("settings", Settings)
TEXTS = web.AppKey("texts", Texts)
DATABASE = web.AppKey("database", AsyncEngine)
REDIS = web.AppKey("redis", Redis)
PRESENCE = web.AppKey("presence", Presence)
BACKLOG = web.AppKey("backlog", Backlog)
FORECAST = web.AppKey("forecast", Forecast)
WAITERS = web.AppKey("waiters", Waiters)
DIALOGUE = web.AppKey("dialogue", Dialogue)
DELIVERY = web.AppKey("delivery", Delivery)
RATE_LIMIT = web.AppKey("rate_limit", RateLimit)
KAKAO = web.AppKey("kakao", Kakao)
SLACK = web.AppKey("slack", Slack)
