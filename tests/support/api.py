"""A worker's OpenAI-compatible endpoint in front of an engine, without a queue."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from aiohttp import ClientSession

from inference_queue.leases import Lease
from inference_queue.protocol import Job, Message, Role
from inference_queue.worker_registry import WorkerState, WorkerStatus
from inference_worker.api.routes import Served
from inference_worker.api.server import api_server
from inference_worker.api.slots import RequestSlots
from inference_worker.computing_time import ComputingTime
from inference_worker.engines.base import Engine
from inference_worker.running_jobs import RunningJob, RunningJobs

KEY = "endpoint-key-of-32-characters-long"
CHAT = "/v1/chat/completions"
PLAIN = "/v1/completions"


@dataclass
class ApiEndpoint:
    """A running endpoint, and the live jobs beside its requests."""

    engine: Engine
    http: ClientSession
    live: RunningJobs
    slots: RequestSlots
    state: WorkerState = WorkerState.READY
    detail: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def status(self) -> WorkerStatus:
        return WorkerStatus(id="w", state=self.state, detail=self.detail)

    @property
    def model(self) -> str:
        return self.engine.card.name

    def chat(self, text: str = "안녕", **fields: Any) -> dict[str, Any]:
        """The body of a chat request."""
        messages = [{"role": "user", "content": text}]
        return {"model": self.model, "messages": messages, **fields}

    def plain(self, prompt: Any, **fields: Any) -> dict[str, Any]:
        """The body of a plain completion."""
        return {"model": self.model, "prompt": prompt, **fields}

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        async with self.http.get(self.url + path, headers={**self.headers, **headers}) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        """Status and JSON; ``body`` is sent as it is where it is bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **self.headers, **headers}
        async with self.http.post(self.url + path, data=io.BytesIO(data), headers=sent) as response:
            return response.status, json.loads(await response.text())

    async def events(self, path: str, body: dict[str, Any]) -> list[Any]:
        """The events of a stream; the last is "[DONE]"."""
        async with self.http.post(self.url + path, json={**body, "stream": True}) as response:
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/event-stream"), text
        data = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
        return [one if one == "[DONE]" else json.loads(one) for one in data]

    def start_live(self, count: int = 1) -> list[RunningJob]:
        """Live jobs that run until ``end_live``."""
        for _ in range(count):
            job = Job(id=uuid4(), messages=(Message(Role.USER, "안녕"),))
            self.live.start(Lease(job, 1, 1, datetime.now(UTC)), _forever)
        return self.live.current()[-count:]

    async def end_live(self) -> None:
        """End all live jobs; the claimer then finds none waiting."""
        await self.live.stop(0)
        self.slots.fill()


async def _forever(_: RunningJob) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def api_endpoint(
    engine: Engine, *, slots: int = 3, keys: tuple[str, ...] = ()
) -> AsyncIterator[ApiEndpoint]:
    """Serve an engine that has been started."""
    live = RunningJobs(slots=slots, on_end=lambda: None)
    requests = RequestSlots(live, ComputingTime())
    live.on_start = requests.make_room
    async with ClientSession() as http:
        endpoint = ApiEndpoint(engine, http, live, requests)
        served = Served(engine=engine, slots=requests, status=endpoint.status)
        async with api_server(served, host="127.0.0.1", port=0, keys=keys) as port:
            endpoint.url = f"http://127.0.0.1:{port}"
            yield endpoint
            await live.stop(0)
