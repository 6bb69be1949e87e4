"""Where an inference server is, and how it may be called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypedDict
from urllib.parse import urlsplit

from inference_queue.presets import PRESETS
from inference_queue.protocol import FailureReason
from inference_worker.answer.repetition import DEFAULT_LIMIT_CHARS
from inference_worker.engines.base import Vision
from inference_worker.engines.served.dialects import DIALECTS
from inference_worker.engines.served.discovery import address_of, given_api, root_of
from inference_worker.errors import EngineError
from inference_worker.prompt.system_role import SystemRole

#: How often a server is asked again what it serves, in seconds.
REFRESH_S = 30.0


class EndpointOptions(TypedDict, total=False):
    """The fields of EndpointSettings that have a default."""

    model: str
    api_key: str
    dialect: str
    preset: str
    tokenizer: str
    connect_timeout_s: float
    silence_timeout_s: float
    system_role: SystemRole
    repetition_chars: int
    refresh_s: float
    vision: Vision
    adapters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """What an operator says of a server."""

    base_url: str  #: its root, its /v1, its chat route, or a path of a gateway
    model: str = ""  #: as the server names it; empty: whatever it serves
    api_key: str = ""
    dialect: str = "auto"  #: a key of DIALECTS, or "auto"
    preset: str = ""  #: for a model that PRESETS does not know
    #: The model's, a directory or hub id: prompts go as token ids where the server takes them.
    tokenizer: str = ""
    connect_timeout_s: float = 5.0
    #: The longest wait for the next chunk; the whole answer may take as long as its job allows.
    silence_timeout_s: float = 60.0
    system_role: SystemRole = SystemRole.AUTO
    repetition_chars: int = DEFAULT_LIMIT_CHARS  #: see ``answer.repetition``; 0: off
    refresh_s: float = REFRESH_S  #: how often the server is asked what it serves
    vision: Vision = Vision.AUTO
    adapters: Mapping[str, str] = field(default_factory=dict)  #: their names there, by ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server's address, as it is called and as it is named to people."""

    root: str = ""
    given: str = ""  #: as in the settings, see ``discovery.given_api``
    address: str = ""  #: host and port, without credentials


def read_endpoint(settings: EndpointSettings) -> Endpoint:
    """The address in the settings. Raises EngineError where a setting is wrong."""
    try:
        given, root = given_api(settings.base_url), root_of(settings.base_url)
        address = address_of(root)
        is_url = urlsplit(root).scheme in ("http", "https") and urlsplit(root).hostname
    except ValueError:
        is_url = None
    if not is_url:
        raise _misconfigured(
            "WORKER_BASE_URL: http://HOST:PORT is meant, with commas between several"
        )
    if not (settings.api_key.isascii() and settings.api_key.isprintable()):
        raise _misconfigured("WORKER_API_KEY: it must be ASCII without line breaks")
    if settings.dialect != "auto" and settings.dialect not in DIALECTS:
        raise _misconfigured(f"WORKER_DIALECT: auto or one of {', '.join(DIALECTS)} is needed")
    if settings.preset and settings.preset not in PRESETS:
        raise _misconfigured(f"WORKER_PRESET: one of {', '.join(PRESETS)} is needed")
    if settings.vision is Vision.TRUE and settings.tokenizer:
        raise _misconfigured("WORKER_VISION: pictures do not go as token ids (WORKER_TOKENIZER)")
    return Endpoint(root=root, given=given, address=address)


def _misconfigured(what: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, what)
