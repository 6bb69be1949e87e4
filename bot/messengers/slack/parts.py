"""The parts of Slack's adapter and listeners, put together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.conversation.inbox import StoreDownError
from bot.messengers.plugin import AdapterServices, Services
from bot.messengers.slack.actions import ActionReceiver
from bot.messengers.slack.adapter import SlackAdapter
from bot.messengers.slack.answer_part import PartLayout
from bot.messengers.slack.api import SlackApi
from bot.messengers.slack.desk import Desk
from bot.messengers.slack.home import HomePages
from bot.messengers.slack.installing.workspaces import Workspaces
from bot.messengers.slack.listeners import Listeners
from bot.messengers.slack.live_answers import LiveAnswers
from bot.messengers.slack.live_finish import LiveFinish
from bot.messengers.slack.live_writer import LiveWriter
from bot.messengers.slack.message_receiver import MessageReceiver
from bot.messengers.slack.people import People
from bot.messengers.slack.picture_receiver import SlackPictures
from bot.messengers.slack.post_log import PostLog
from bot.messengers.slack.sentences import Sentences
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.status import StatusLine
from bot.messengers.slack.thread_context import ThreadContext
from bot.messengers.slack.thread_delivery import ThreadDelivery
from bot.messengers.slack.thread_rules import ThreadRules
from bot.messengers.slack.threads import SlackThreads
from bot.messengers.slack.web_api import WebApi
from bot.messengers.slack.words import WORDS
from runtime.database import DATABASE_ERRORS


class SlackParts:
    """Everything that speaks to Slack, over one Web API."""

    def __init__(self, settings: SlackSettings, services: AdapterServices) -> None:
        self._settings = settings
        self._texts = services.texts
        self.workspaces = Workspaces(settings, services.database)
        self._api = SlackApi(settings, services.outbound, self.workspaces.tokens)
        self._posts = PostLog(services.database)
        self._answers = LiveAnswers()
        self._status = StatusLine(self._api, services.texts)
        self._sentences = Sentences(self._api, services.outbound, settings.response_hosts)
        self._writer: LiveWriter | None = None
        web_api = WebApi(settings, services.outbound, self._api)
        layout = PartLayout(settings, services.texts)
        finish = LiveFinish(layout, self._api, self._posts, self._answers, self._status)
        delivery = ThreadDelivery(services.texts, layout, web_api, self._posts, finish)
        threads = SlackThreads(delivery, web_api, self._posts, self._status)
        self.adapter = SlackAdapter(settings, services.texts, services.outbound, web_api, threads)

    def listeners(self, services: Services) -> Listeners:
        """The listeners of events and interactivity."""
        self._writer = LiveWriter(
            self._settings,
            self._texts,
            self._api,
            self._posts,
            services.live,
            services.waiters,
            self._answers,
            self._status,
        )
        desk = self._desk(self._writer)
        pictures = SlackPictures(self._settings, services, self.workspaces.tokens)
        rules = ThreadRules(services.database, self._settings, services.config_for)
        return Listeners(
            messages=MessageReceiver(services, desk, rules, pictures),
            actions=ActionReceiver(services, desk),
            home=HomePages(desk, WORDS[services.settings.language], services),
            requests=services.requests,
            settings=self._settings,
            texts=self._texts,
            removed=self._removed,
        )

    async def close(self) -> None:
        """End what is under way."""
        if self._writer is not None:
            await self._writer.close()
        await self._sentences.close()
        await self._status.close()
        await self.workspaces.close()

    def _desk(self, writer: LiveWriter) -> Desk:
        people = People(self._api)
        return Desk(
            settings=self._settings,
            texts=self._texts,
            api=self._api,
            sentences=self._sentences,
            people=people,
            threads=ThreadContext(
                self._api, people, self._texts, max_messages=self._settings.thread_context
            ),
            status=self._status,
            write_live=writer.write,
        )

    async def _removed(self, body: Mapping[str, Any]) -> None:
        """Erase an installation. Raises StoreDownError where Slack is to send the event again."""
        try:
            await self.workspaces.remove(body)
        except DATABASE_ERRORS as error:
            raise StoreDownError from error
