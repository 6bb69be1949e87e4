"""Where the parts of the application are found: typed keys, one per part."""

from __future__ import annotations

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.admission.forecast import Forecast
from bot.conversation.inbox import Inbox
from bot.conversation.settlement_waiters import SettlementWaiters
from bot.delivery.sync_window import SyncWindow
from bot.messengers.kakao.adapter import Kakao
from bot.messengers.slack.adapter import Slack
from bot.settings import Settings
from bot.store.migrations import SchemaCheck
from bot.text.catalog import Texts
from bot.workers import WorkerRegistry

SETTINGS = web.AppKey("settings", Settings)
TEXTS = web.AppKey("texts", Texts)
DATABASE = web.AppKey("database", AsyncEngine)
REDIS = web.AppKey("redis", Redis)
WORKERS = web.AppKey("workers", WorkerRegistry)
SCHEMA = web.AppKey("schema", SchemaCheck)
FORECAST = web.AppKey("forecast", Forecast)
WAITERS = web.AppKey("waiters", SettlementWaiters)
INBOX = web.AppKey("inbox", Inbox)
SYNC_WINDOW = web.AppKey("sync_window", SyncWindow)
KAKAO = web.AppKey("kakao", Kakao)
SLACK = web.AppKey("slack", Slack)
