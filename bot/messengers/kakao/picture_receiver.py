"""Pictures for a model that sees: fetched once, before the accept, within a part of the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from bot.domain.messenger import Problem
from bot.domain.pictures import Picture
from bot.domain.turns import Utterance
from bot.http.picture_scaling import PictureError, PictureProblem
from bot.http.pictures import PictureFetcher
from bot.messengers.kakao.settings import KakaoSettings
from bot.messengers.kakao.skill_request import SkillIncoming
from bot.messengers.kakao.words import KakaoWords
from bot.messengers.plugin import Services
from bot.text.catalog import Texts

log = structlog.get_logger(__name__)

#: What is left of Kakao's five seconds is for the accept and the answer.
FETCH_S = 1.2


class PictureReceiver:
    """Makes a message of a request with pictures, if workers see them."""

    def __init__(self, settings: KakaoSettings, services: Services) -> None:
        self._workers = services.workers
        self._fetcher = PictureFetcher(services.outbound, settings.picture_hosts)

    @property
    def can_see(self) -> bool:
        """Whether there are workers that see pictures."""
        return self._workers.sees_pictures

    def message(self, incoming: SkillIncoming, texts: Texts) -> Utterance | None:
        """The message without its pictures yet; None: the model reads text only, or there are none.

        Its text is the same for all pictures: an address may hold a secret, and expires.
        """
        draft = incoming.draft if incoming.problem is Problem.MEDIA else None
        if draft is None or not (incoming.pictures and self.can_see):
            return None
        media = tuple({"type": "image"} for _ in incoming.pictures)
        return replace(draft, text=texts.picture_text, media=media)

    def too_many(self, urls: Sequence[str], words: KakaoWords) -> str:
        """The sentence for more pictures than a message may have; "" for fewer."""
        most = self._workers.max_pictures
        return words.pictures_too_many.format(max=most) if len(urls) > most else ""

    async def fetch(self, urls: Sequence[str]) -> tuple[Picture, ...]:
        """The pictures in order, each asked for once. Raises PictureError."""
        try:
            async with asyncio.timeout(FETCH_S), asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._fetcher.fetch(url)) for url in urls]
        except TimeoutError as error:
            log.warning("picture_too_slow")
            raise PictureError(PictureProblem.UNREACHABLE, "too slow") from error
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return tuple(task.result() for task in tasks)


def picture_sentence(problem: PictureProblem, words: KakaoWords) -> str:
    """What the person is told."""
    sentences = {
        PictureProblem.UNREACHABLE: words.picture_unreachable,
        PictureProblem.EXPIRED: words.picture_expired,
        PictureProblem.FOREIGN: words.picture_foreign,
        PictureProblem.TOO_LARGE: words.picture_too_large,
        PictureProblem.UNREADABLE: words.picture_unreadable,
    }
    return sentences[problem]
