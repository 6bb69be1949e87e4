"""The load generator process: keep-alive connections on plain sockets in one epoll loop.

Reads one JSON object (the fields of ``Load``) from standard input and writes one (``LoadResult``).
It takes about 20 us of CPU per request, so that the client does not limit the measurement.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field

from benchmarks.raw_http import REQUEST_BUILDERS, RequestBuilder, content_length

#: How long to wait at the end for outstanding responses.
STRAGGLERS_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send. Without ``rate`` each client sends as soon as its last response has come."""

    port: int
    kind: str  #: a key of REQUEST_BUILDERS
    run: str  #: prefix of the ids of this load
    origin: str  #: where the answers are posted
    clients: int
    seconds: float
    rate: float | None = None  #: requests per second, independent of the responses
    count: int | None = None  #: the maximum number of requests


@dataclass(slots=True)
class LoadResult:
    """The responses. Latencies are ms from when each request was due."""

    statuses: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_s: float = 0.0  #: of this generator
    unanswered: int = 0  #: outstanding after STRAGGLERS_S
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """Requests answered 200."""
        return self.statuses.get("200", 0)

    @property
    def rate(self) -> float:
        """Requests answered 200 per second."""
        return self.answered / self.seconds if self.seconds else 0.0


class Client:
    """One connection with at most one outstanding request."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._received = b""

    def send(self, request: bytes, due: float) -> None:
        """Send a request that was due at ``due``."""
        self.due = due
        self.socket.sendall(request)

    def receive(self) -> str | None:
        """Continue reading; the status once the response is complete. Raises ConnectionError."""
        if not (piece := self.socket.recv(65536)):
            raise ConnectionError("the server closed the connection")
        self._received += piece
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < content_length(head):
            return None
        self._received = b""
        return head[9:12].decode()


class LoadGenerator:
    """All clients of one load."""

    def __init__(self, load: Load, build_request: RequestBuilder) -> None:
        self._load = load
        self._build_request = build_request
        self._clients = {c.socket.fileno(): c for c in map(Client, [load.port] * load.clients)}
        self._idle = deque(self._clients.values())
        self._poll = select.epoll()
        for fd in self._clients:
            self._poll.register(fd, select.EPOLLIN)
        self._sent = 0
        self._started = 0.0

    def run(self) -> LoadResult:
        """Send all requests, then wait for the outstanding responses."""
        statuses: Counter[str] = Counter()
        hits = LoadResult()
        cpu, self._started = time.process_time(), time.monotonic()
        ends = self._started + self._load.seconds
        while True:
            wait_s = self._send_due(ends)
            if wait_s is None and len(self._idle) == len(self._clients):
                break
            if time.monotonic() > ends + STRAGGLERS_S:
                break
            for fd, _ in self._poll.poll(wait_s if wait_s is not None else 0.5):
                client = self._clients[fd]
                if status := client.receive():
                    statuses[status] += 1
                    hits.latencies_ms.append((time.monotonic() - client.due) * 1000)
                    self._idle.append(client)
        hits.statuses = dict(statuses)
        hits.seconds = time.monotonic() - self._started
        hits.cpu_s = time.process_time() - cpu
        hits.unanswered = self._sent - statuses.total()
        return hits

    def _send_due(self, ends: float) -> float | None:
        """Send the due requests; seconds until the next one, or None after the last one."""
        while True:
            now = time.monotonic()
            due = self._next_due(now)
            if due >= ends or self._sent == self._load.count:
                return None
            if due > now:
                return due - now
            if not self._idle:
                return 0.5
            self._idle.popleft().send(self._build_request(self._sent), due)
            self._sent += 1

    def _next_due(self, now: float) -> float:
        return now if self._load.rate is None else self._started + self._sent / self._load.rate


def main() -> None:
    """Generate the load on standard input."""
    load = Load(**json.load(sys.stdin))
    hits = LoadGenerator(load, REQUEST_BUILDERS[load.kind](load.run, load.origin)).run()
    json.dump(asdict(hits), sys.stdout)


if __name__ == "__main__":
    main()
