"""People's photos in the simulator, kept for a few minutes as Kakao's host keeps them."""

from __future__ import annotations

from aiohttp import web

from bot.http.body import read_body
from bot.simulator.expiring_urls import ExpiringUrls
from bot.simulator.messages import find_session
from bot.simulator.protection import require_same_origin

#: As long as the address of a secure image lives.
LIFETIME_S = 600.0
MAX_PHOTOS = 16
#: Asked for by the page, and by the bot.
MAX_USES = 100


class SimulatedPhotos:
    """The newest photos, by the tokens of their addresses. The server bounds each by its size."""

    def __init__(self) -> None:
        self._photos: ExpiringUrls[bytes] = ExpiringUrls(
            lifetime_s=LIFETIME_S, uses=MAX_USES, capacity=MAX_PHOTOS
        )

    async def receive(self, request: web.Request) -> web.Response:
        """Keep what the page uploads, whatever it is; 201 with its ``photo``.

        Raises 403, 408, 409 and 413.
        """
        require_same_origin(request)
        if find_session(request) is None:
            raise web.HTTPConflict(text="대화가 끊어졌습니다. 다시 보내 주세요.")
        token = self._photos.issue(await read_body(request))
        return web.json_response({"photo": token}, status=201)

    async def show(self, request: web.Request) -> web.Response:
        """The photo; 404 once it is gone."""
        try:
            content = self._photos.use(request.match_info["token"])
        except LookupError:
            raise web.HTTPNotFound from None
        return web.Response(body=content, content_type="image/jpeg")
