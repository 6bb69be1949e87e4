"""Loading a model for this process: torch is imported here, in a thread that may be left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar

from inference_queue.protocol import FailureReason
from inference_worker.answer.repetition import DEFAULT_LIMIT_CHARS
from inference_worker.engines.base import Vision
from inference_worker.errors import EngineError
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.system_role import SystemRole

if TYPE_CHECKING:
    from inference_worker.engines.local.checkpoints import Checkpoint

T = TypeVar("T")


class MoreOptions(TypedDict, total=False):
    """Settings of adapters, prompts and answers, as in LocalSettings."""

    adapters: Mapping[str, str]
    vision: Vision
    system_role: SystemRole
    repetition_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """What an operator says of the model; see ``LocalEngine``."""

    model: str
    slots: int
    cache_dir: Path
    max_new_tokens: int | None = None
    kv_tokens: int | None = None
    device: str | None = None
    dtype: str | None = None
    adapter: str = ""
    adapters: Mapping[str, str] = field(default_factory=dict)  #: directory or hub id, by name
    vision: Vision = Vision.AUTO
    system_role: SystemRole = SystemRole.AUTO
    repetition_chars: int = DEFAULT_LIMIT_CHARS  #: see ``answer.repetition``; 0: off


def load_model(
    settings: LocalSettings, progress: Callable[[str], None]
) -> tuple[Checkpoint, ChatTemplate]:
    """Find and load the model; blocks for seconds to minutes. Raises EngineError."""
    progress("loading torch and transformers")
    try:
        from inference_worker.engines.local.checkpoints import load  # noqa: PLC0415 - torch
    except ImportError as error:
        raise unavailable(
            f"the local engine cannot be loaded ({error}): pip install -e '.[local]', "
            "or set WORKER_BASE_URL to an external engine"
        ) from error
    checkpoint = load(
        settings.model,
        cache_dir=settings.cache_dir,
        device=settings.device,
        dtype=settings.dtype,
        progress=progress,
        adapter=settings.adapter,
        adapters=settings.adapters,
        vision=settings.vision,
    )
    template = ChatTemplate(
        checkpoint.tokenizer,
        system_role=settings.system_role,
        picture=checkpoint.reader.token if checkpoint.reader else "",
    )
    return checkpoint, template


async def run_in_daemon_thread(work: Callable[[], T]) -> T:
    """Like asyncio.to_thread, in a thread that does not hold up the end of the process."""
    outcome: Future[T] = Future()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            outcome.set_exception(error)

    threading.Thread(target=run, name="model-load", daemon=True).start()
    return await asyncio.wrap_future(outcome)


def unavailable(message: str) -> EngineError:
    """The engine cannot be used until an operator changes something."""
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, message)
