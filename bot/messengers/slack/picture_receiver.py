"""Pictures among a message's files: fetched with the bot's token before the event is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.domain.pictures import Picture
from bot.domain.turns import Utterance
from bot.http.picture_scaling import PictureError, PictureProblem
from bot.http.pictures import PictureFetcher
from bot.messengers.plugin import Services
from bot.messengers.slack.events import SlackMessage
from bot.messengers.slack.settings import SlackSettings
from bot.messengers.slack.tokens import TokenSource
from bot.messengers.slack.words import words_for
from bot.text.catalog import Texts
from runtime.database import DATABASE_ERRORS

log = structlog.get_logger(__name__)

#: What is left of Slack's three seconds is for the accept and the acknowledgement.
FETCH_S = 1.8


class SlackPictures:
    """Makes a message with pictures of one with files, where a model sees them."""

    def __init__(self, settings: SlackSettings, services: Services, tokens: TokenSource) -> None:
        self._workers = services.workers
        self._tokens = tokens
        self._fetcher = PictureFetcher(services.outbound, settings.picture_hosts)

    def shown(self, message: SlackMessage) -> tuple[str, ...]:
        """The addresses of the message's pictures; none where no model sees them."""
        return message.pictures if self._workers.sees_pictures else ()

    def rejection(self, urls: Sequence[str], texts: Texts) -> str:
        """The sentence for more pictures than a message may have; "" for fewer."""
        most = self._workers.max_pictures
        sentence = words_for(texts).pictures_too_many
        return sentence.format(max=most) if len(urls) > most else ""

    async def added(self, utterance: Utterance, message: SlackMessage) -> Utterance:
        """The utterance with its pictures. Raises PictureError."""
        urls = self.shown(message)
        if not urls:
            return utterance
        try:
            async with asyncio.timeout(FETCH_S):
                pictures = await self._fetch(urls, message.source.team)
        except TimeoutError as error:
            log.warning("picture_too_slow")
            raise PictureError(PictureProblem.UNREACHABLE, "too slow") from error
        return replace(utterance, pictures=pictures)

    async def _fetch(self, urls: Sequence[str], team: str) -> tuple[Picture, ...]:
        try:
            token = await self._tokens.token(team)
        except DATABASE_ERRORS as error:
            raise PictureError(PictureProblem.UNREACHABLE, "no token: Postgres is gone") from error
        # Slack shows files to the members of a conversation alone; the token is sent to no other
        # host than those of the setting.
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._fetcher.fetch(url, headers)) for url in urls]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return tuple(task.result() for task in tasks)


def picture_sentence(problem: PictureProblem, texts: Texts) -> str:
    """What the person is told."""
    return words_for(texts).picture_problems[problem]
