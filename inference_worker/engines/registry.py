"""Which engine and which model this machine runs: one table, one rule for ``auto``."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from huggingface_hub import constants, try_to_load_from_cache

from inference_queue.presets import DEFAULT_PRESET, DEMO_PRESET, PRESETS
from inference_queue.protocol import FailureReason
from inference_worker.engines.base import Engine
from inference_worker.engines.local.engine import LocalEngine
from inference_worker.engines.served.endpoint import EndpointSettings, read_endpoint
from inference_worker.engines.served.engine import ServedEngine
from inference_worker.engines.served.pool import ServedPool
from inference_worker.errors import EngineError
from inference_worker.settings import WorkerSettings

log = structlog.get_logger(__name__)


def choose_engine(settings: WorkerSettings) -> tuple[str, Engine]:
    """The engine the settings ask for, not yet started, and its name in ``ENGINES``.

    ``auto`` is ``served`` where a base URL is set, else ``local``. Raises EngineError where a
    setting is missing or wrong.
    """
    name = settings.engine
    if name == "auto":
        name = "served" if settings.base_url else "local"
    return name, ENGINES[name](settings)


def _local(settings: WorkerSettings) -> Engine:
    return LocalEngine(
        settings.model or suitable_preset(),
        slots=settings.slots,
        cache_dir=settings.data_dir / "models",
        max_new_tokens=settings.max_new_tokens or None,
        kv_tokens=settings.kv_tokens or None,
        device=settings.device or None,
        dtype=settings.dtype or None,
        adapter=settings.adapter,
        adapters=settings.named_adapters,
        vision=settings.vision,
        system_role=settings.system_role,
        repetition_chars=settings.repetition_chars,
    )


def _served(settings: WorkerSettings) -> Engine:
    urls = [url.strip() for url in settings.base_url.split(",") if url.strip()]
    if not urls:
        raise EngineError(
            FailureReason.ENGINE_UNAVAILABLE,
            "WORKER_ENGINE=served needs WORKER_BASE_URL, such as http://127.0.0.1:8000/v1",
        )
    for url in urls:
        read_endpoint(_endpoint(url, settings))
    engines = [
        ServedEngine(
            url,
            model=settings.model,
            api_key=settings.api_key.get_secret_value(),
            dialect=settings.dialect,
            preset=settings.preset,
            tokenizer=settings.tokenizer,
            system_role=settings.system_role,
            repetition_chars=settings.repetition_chars,
            refresh_s=settings.refresh_s,
            adapters=settings.named_adapters,
            vision=settings.vision,
        )
        for url in urls
    ]
    return engines[0] if len(engines) == 1 else ServedPool(engines)


def _endpoint(url: str, settings: WorkerSettings) -> EndpointSettings:
    """What is checked before the engine starts: a mistake is one sentence then."""
    return EndpointSettings(
        base_url=url,
        api_key=settings.api_key.get_secret_value(),
        dialect=settings.dialect,
        preset=settings.preset,
        tokenizer=settings.tokenizer,
        vision=settings.vision,
    )


def suitable_preset() -> str:
    """Bllossom where there is a GPU and its weights are available; else the packaged demo."""
    if not has_gpu():
        log.warning(
            "demo_model", why="no GPU that torch can use: the demo model speaks English only"
        )
        return DEMO_PRESET
    if not weights_within_reach(PRESETS[DEFAULT_PRESET].model):
        log.warning("demo_model", why="the model hub cannot be reached and no weights are cached")
        return DEMO_PRESET
    return DEFAULT_PRESET


def weights_within_reach(model: str) -> bool:
    """Whether the hub's cache holds the model, or the hub answers within three seconds."""
    if isinstance(try_to_load_from_cache(model, "config.json"), str):
        return True
    hub = urlsplit(constants.ENDPOINT)
    try:
        address = (hub.hostname or "", hub.port or 443)
        with socket.create_connection(address, timeout=3):
            return True
    except OSError:
        return False


def has_gpu() -> bool:
    """Whether torch can use a GPU; torch is imported only where there is an NVIDIA driver.

    A driver alone is not enough: with torch's CPU build, or with a driver too old for its CUDA,
    16 GB of weights would go to the CPU.
    """
    if not Path("/dev/nvidiactl").exists() and shutil.which("nvidia-smi") is None:
        return False
    try:
        import torch  # noqa: PLC0415 - seconds
    except ImportError:  # the engine says what to install
        return False
    return torch.cuda.is_available()


ENGINES: dict[str, Callable[[WorkerSettings], Engine]] = {"local": _local, "served": _served}
