"""One connection at a time to the bot: what is sent goes out as it is, what comes back is read."""

from __future__ import annotations

import http.client
import socket
from collections import Counter
from types import TracebackType
from typing import Self

from tests.fuzz.requests import Wild

#: Longer than anything may take: the bot's own bound on a body is three seconds.
PATIENCE_S = 15.0


class Wire:
    """Sends requests and counts what was answered; 0 is a connection closed without a word."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self.statuses: Counter[int] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._hang_up()

    def send(self, wild: Wild) -> int:
        """The status, or 0 where the bot hung up; raises TimeoutError where it does nothing."""
        kept = self._socket is not None
        status = self._exchange(wild)
        if status == 0 and kept:
            # The kept connection may have been closed before anything was sent.
            status = self._exchange(wild)
        self.statuses[status] += 1
        return status

    def _exchange(self, wild: Wild) -> int:
        line = self._socket or socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
        self._socket = line
        try:
            line.sendall(wild.raw)
            if wild.cut:
                line.shutdown(socket.SHUT_WR)
            return self._answer(line, wild)
        except TimeoutError:
            self._hang_up()
            raise
        except (OSError, http.client.HTTPException):
            self._hang_up()
            return 0

    def _answer(self, line: socket.socket, wild: Wild) -> int:
        method = "HEAD" if wild.raw.startswith(b"HEAD ") else "GET"
        response = http.client.HTTPResponse(line, method=method)
        try:
            response.begin()
            endless = response.headers.get_content_type() == "text/event-stream"
            if not endless:
                response.read()
            if endless or wild.cut or response.will_close or response.status == 400:
                self._hang_up()
            return response.status
        finally:
            response.close()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
