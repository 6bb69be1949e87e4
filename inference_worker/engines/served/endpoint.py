"""Where an inference server is, and how it may be called."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from inference_queue.presets import PRESETS
from inference_queue.protocol import FailureReason
from inference_worker.engines.served.dialects import DIALECTS
from inference_worker.engines.served.discovery import address_of, root_of
from inference_worker.errors import EngineError


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """What an operator says of a server; see ``ServedEngine``."""

    base_url: str
    model: str = ""
    api_key: str = ""
    dialect: str = "auto"
    preset: str = ""
    tokenizer: str = ""
    connect_timeout_s: float = 5.0
    silence_timeout_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server's address, as it is called and as it is named to people."""

    root: str = ""
    address: str = ""  #: host and port, without credentials


def read_endpoint(settings: EndpointSettings) -> Endpoint:
    """The address in the settings. Raises EngineError where a setting is wrong."""
    try:
        root = root_of(settings.base_url)
        address = address_of(root)
        is_url = urlsplit(root).scheme in ("http", "https") and urlsplit(root).hostname
    except ValueError:
        is_url = None
    if not is_url:
        raise _misconfigured("the engine's URL must look like http://host:port")
    if not (settings.api_key.isascii() and settings.api_key.isprintable()):
        raise _misconfigured("the API key must be ASCII without line breaks")
    if settings.dialect != "auto" and settings.dialect not in DIALECTS:
        raise _misconfigured(f"the dialect must be auto or one of {', '.join(DIALECTS)}")
    if settings.preset and settings.preset not in PRESETS:
        raise _misconfigured(f"the preset must be one of {', '.join(PRESETS)}")
    return Endpoint(root=root, address=address)


def _misconfigured(what: str) -> EngineError:
    return EngineError(FailureReason.ENGINE_UNAVAILABLE, f"Check the settings: {what}.")
