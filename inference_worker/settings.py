"""Every setting of the worker, read once from the environment (or a .env file) and then frozen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from inference_queue.presets import PRESETS
from inference_queue.protocol import MAX_ADAPTER_CHARS, NO_ADAPTER, is_adapter_name
from inference_worker.answer.repetition import DEFAULT_LIMIT_CHARS
from inference_worker.engines.base import Vision
from inference_worker.prompt.system_role import SystemRole
from runtime.environment_settings import EnvironmentSettings, Folder
from runtime.ip_address import is_loopback

#: The upper bound of every time: beyond some centuries Postgres knows no such moment.
MAX_S = 86_400.0
#: Adapters beside one model: a heartbeat names them all.
MAX_ADAPTERS = 32
#: Shorter keys can be guessed.
MIN_KEY_CHARS = 16
#: What a header can carry as a bearer token (RFC 6750).
_BEARER_KEY = re.compile(rf"[A-Za-z0-9._~+/=-]{{{MIN_KEY_CHARS},}}")


class WorkerSettings(EnvironmentSettings):
    """The worker's settings; each field is the environment variable ``WORKER_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="WORKER_")

    database_url: SecretStr = SecretStr("")
    redis_url: SecretStr = SecretStr("")
    data_dir: Folder = Path("data")
    #: The address of /healthz and /metrics; port 0: not served.
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    #: The OpenAI-compatible endpoint; port 0: not served.
    api_port: int = Field(0, ge=0, le=65535)
    #: Its bearer keys, with commas between; none: whoever reaches loopback may ask.
    api_secrets: SecretStr = SecretStr("")
    api_host: str = "127.0.0.1"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    #: auto: ``served`` where WORKER_BASE_URL is set, else ``local``.
    engine: Literal["auto", "local", "served"] = "auto"
    #: A key of presets.PRESETS, a hub id, or a directory; empty: what suits the machine.
    model: str = ""
    #: The preset of a model whose name is unknown.
    preset: str = ""
    #: One external engine, or several of the same model, with commas between.
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    #: The kind of server behind WORKER_BASE_URL; auto asks it.
    dialect: str = "auto"
    #: The tokenizer of the model behind WORKER_BASE_URL, a directory or hub id: prompts go as ids.
    tokenizer: str = ""
    #: Seconds between two questions to an external engine what it serves.
    refresh_s: float = Field(30.0, ge=1, le=MAX_S)
    #: no: the system prompt goes into the first user message; auto: where the model refuses it.
    system_role: SystemRole = SystemRole.AUTO
    #: Whether the model behind WORKER_BASE_URL sees pictures; auto: where the server says so.
    vision: Vision = Vision.AUTO
    #: Characters of verbatim repetition after which an answer is stopped; 0 = never.
    repetition_chars: int = Field(DEFAULT_LIMIT_CHARS, ge=0, le=100_000)
    #: Conversations answered at the same time.
    slots: int = Field(4, ge=1, le=1024)
    #: Maximum of tokens in an answer, whatever the job asks for; 0 = the preset's own.
    max_new_tokens: int = Field(0, ge=0)
    #: Tokens held in memory, kept prefixes included; 0 = as many as fit.
    kv_tokens: int = Field(0, ge=0)
    device: str = ""
    #: torch's name, or "4bit".
    dtype: str = ""
    #: A directory or hub id of LoRA weights that become part of the model.
    adapter: str = ""
    #: Those that each job may choose one of, NAME=DIRECTORY with commas between; of an external
    #: engine NAME, or NAME=ITS_NAME_THERE.
    adapters: str = ""

    #: Seconds after which the jobs of a worker that does not renew are given to another.
    lease_s: float = Field(15.0, ge=1, le=MAX_S)
    #: Seconds a worker may finish its running jobs in after SIGTERM.
    drain_s: float = Field(20.0, ge=0, le=MAX_S)
    #: Seconds an answer waits for an engine that does not respond before it fails.
    patience_s: float = Field(90.0, ge=0, le=MAX_S)

    #: Seconds without a step after which the engine is taken to be stuck.
    stuck_s: float = Field(60.0, gt=0, le=MAX_S)

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        if name and name not in PRESETS:
            raise ValueError(f"unknown preset {name!r}; known are {', '.join(PRESETS)}")
        return name

    @field_validator("adapters")
    @classmethod
    def _readable_adapters(cls, written: str, info: ValidationInfo) -> str:
        if read_adapters(written) and info.data.get("adapter"):
            raise ValueError("WORKER_ADAPTER is merged into the model: set only one of the two")
        return written

    @field_validator("api_secrets")
    @classmethod
    def _usable_keys(cls, secrets: SecretStr) -> SecretStr:
        for key in _parts(secrets):
            if not _BEARER_KEY.fullmatch(key):
                raise ValueError(
                    f"a key needs at least {MIN_KEY_CHARS} letters or digits of ASCII: "
                    "`openssl rand -hex 32` makes one"
                )
        return secrets

    @field_validator("api_host")
    @classmethod
    def _guarded(cls, host: str, info: ValidationInfo) -> str:
        keys = _parts(info.data.get("api_secrets") or SecretStr(""))
        if info.data.get("api_port") and not is_loopback(host) and not keys:
            raise ValueError(
                "it is no loopback address, where anybody could use the model: "
                "set WORKER_API_SECRETS, too"
            )
        return host

    @property
    def named_adapters(self) -> dict[str, str]:
        """Where each adapter is, by the name under which jobs choose it."""
        return read_adapters(self.adapters)

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys of the endpoint."""
        return _parts(self.api_secrets)


def read_adapters(written: str) -> dict[str, str]:
    """The places of adapters by their names; a name alone is its own. Raises ValueError."""
    parts = [part.strip() for part in written.split(",") if part.strip()]
    split = [part.partition("=") for part in parts]
    named = [(name.strip(), place.strip() or name.strip()) for name, _, place in split]
    for name, _ in named:
        if not is_adapter_name(name):
            raise ValueError(
                f"{name!r} cannot be a name: up to {MAX_ADAPTER_CHARS} letters, digits, '.', '_' "
                f"and '-' of ASCII can, but {NO_ADAPTER!r} stands for no adapter"
            )
    if len(dict(named)) < len(named):
        raise ValueError("a name comes twice")
    if len(named) > MAX_ADAPTERS:
        raise ValueError(f"{len(named)} adapters, and at most {MAX_ADAPTERS} fit: use more workers")
    return dict(named)


def _parts(raw: SecretStr) -> tuple[str, ...]:
    return tuple(part.strip() for part in raw.get_secret_value().split(",") if part.strip())
