"""Where the parts of a running application are found, by those that have only the application."""

from __future__ import annotations

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.forecast import Forecast
from bot.configs.reader import BotConfigs
from bot.conversation.inbox import Inbox
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.text.catalog import Texts
from bot.workers import WorkerRegistry

TEXTS = web.AppKey("texts", Texts)
DATABASE = web.AppKey("database", AsyncEngine)
REDIS = web.AppKey("redis", Redis)
WORKERS = web.AppKey("workers", WorkerRegistry)
FORECAST = web.AppKey("forecast", Forecast)
WAITERS = web.AppKey("waiters", SettlementWaiters)
CONFIGS = web.AppKey("configs", BotConfigs)
INBOX = web.AppKey("inbox", Inbox)
