"""All English sentences of the dashboard, by their Korean twins."""

from __future__ import annotations

from bot.admin.web.english.account import ACCOUNT
from bot.admin.web.english.audit import AUDIT
from bot.admin.web.english.bot_settings import BOT_SETTINGS
from bot.admin.web.english.charts import CHARTS
from bot.admin.web.english.datasets import DATASETS
from bot.admin.web.english.evaluations import EVALUATIONS
from bot.admin.web.english.explanations import EXPLANATIONS
from bot.admin.web.english.improve import IMPROVE
from bot.admin.web.english.protection import PROTECTION
from bot.admin.web.english.provider import PROVIDER
from bot.admin.web.english.reading import READING
from bot.admin.web.english.replay import REPLAY
from bot.admin.web.english.reviews import REVIEWS
from bot.admin.web.english.sandbox import SANDBOX
from bot.admin.web.english.search import SEARCH
from bot.admin.web.english.shared import SHARED
from bot.admin.web.english.turns import TURNS
from bot.admin.web.english.users import USERS
from bot.admin.web.english.watch import WATCH

ENGLISH: dict[str, str] = {
    **SHARED,
    **TURNS,
    **READING,
    **EXPLANATIONS,
    **SEARCH,
    **REVIEWS,
    **CHARTS,
    **WATCH,
    **IMPROVE,
    **DATASETS,
    **EVALUATIONS,
    **ACCOUNT,
    **USERS,
    **AUDIT,
    **PROVIDER,
    **REPLAY,
    **BOT_SETTINGS,
    **SANDBOX,
    **PROTECTION,
}
