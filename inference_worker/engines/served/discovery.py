"""Reach an inference server and find out what it is: dialect, model, context window."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx2

from inference_queue.protocol import FailureReason
from inference_worker.engines.served.adapters import (
    base_models,
    listed_adapters,
    numbered_adapters,
)
from inference_worker.engines.served.dialects import DIALECTS, Dialect, LoraField
from inference_worker.engines.served.event_lines import event_lines
from inference_worker.errors import EngineError

#: What servers call themselves in /v1/models.
OWNERS = {"vllm": "vllm", "sglang": "sglang", "llamacpp": "llamacpp"}

#: Statuses of a server, or of the proxy before it, that will be back.
NOT_READY = (429, 502, 503, 504)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The server found at the address."""

    dialect: Dialect
    model: str  #: as the server names it, and as it is asked for
    api: str  #: the URL that /models and /chat/completions follow
    origin: str = ""  #: the model behind an alias, where the server says it
    recognised_by: str = "the settings"  #: what told the dialect
    context_window: int | None = None  #: tokens, prompt and answer together
    max_input: int | None = None  #: tokens of the prompt alone, where the server limits them
    vision: bool = False  #: it says that its model sees pictures
    adapters: Mapping[str, int] | None = None  #: llama.cpp's numbers by name; None: it does not say


def root_of(base_url: str) -> str:
    """The server's root out of any usual form: with or without /v1/chat/completions."""
    return given_api(base_url).removesuffix("/v1").rstrip("/")


def given_api(base_url: str) -> str:
    """The URL as given, but for the chat route at its end, a query and slashes."""
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def address_of(url: str) -> str:
    """Host and port for messages; never the credentials that a URL may carry."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def authorization(api_key: str) -> dict[str, str]:
    """The header that carries the key; none without one."""
    return {"authorization": f"Bearer {api_key}"} if api_key else {}


def http_client() -> httpx2.AsyncClient:
    """An HTTP client for an engine: no redirects with people's text, no offline switch of the hub.

    Reads the body of every error response for the log. huggingface_hub's own client leaves out
    bodies without a Content-Length, such as compressed ones from a proxy.
    """
    hooks = [_read_error_body, _read_event_lines]
    return httpx2.AsyncClient(verify=tls(), event_hooks={"response": hooks})


async def _read_error_body(response: httpx2.Response) -> None:
    if response.status_code >= 400:
        await response.aread()


async def _read_event_lines(response: httpx2.Response) -> None:
    # httpx2 also breaks lines at U+2028 and the like, which JSON strings may contain.
    lines = functools.partial(_lines_of, response)
    setattr(response, "aiter_lines", lines)  # noqa: B010 - for mypy


def _lines_of(response: httpx2.Response) -> AsyncGenerator[str, None]:
    return event_lines(response.aiter_bytes())


@functools.cache
def tls() -> ssl.SSLContext:
    """The trusted certificates: building a context blocks for 20 ms."""
    return ssl.create_default_context()


class Probe:
    """Questions to a server, with the API key and a bounded wait for each.

    ``given``: the URL of the settings, of ``given_api``. Where it has a path it is asked first, as
    it stands: gateways and hosted models have paths without /v1.
    """

    def __init__(self, given: str, api_key: str, timeout_s: float) -> None:
        self._root = root = root_of(given)
        self._apis = (given, f"{root}/v1") if urlsplit(given).path else (f"{root}/v1",)
        self._where = address_of(root)
        self._headers = authorization(api_key)
        self._timeout_s = timeout_s

    async def discover(self, dialect: str, model: str) -> Backend:
        """Find the server's dialect ("auto": ask it) and model. Raises EngineError."""
        await self._ask("/health")
        info = await self._ask("/info") or {}
        api, cards = await self._listing()
        found, told_by = dialect, "the settings"
        if dialect == "auto":
            found, told_by = await self._recognise(info, cards)
        spoken = DIALECTS[found]
        if spoken.name.startswith("tgi"):
            return _tgi(spoken, info, model, api=f"{self._root}/v1", told_by=told_by)
        name = self._model(spoken, cards, model)
        card = next((c for c in cards if c.get("id") == name), {})
        window, origin, vision = await self._facts(spoken, card)
        adapters = await self._adapters(spoken, cards)
        return Backend(
            dialect=spoken,
            model=name,
            api=api,
            origin="" if origin == name else origin,
            context_window=_positive(window),
            recognised_by=told_by,
            vision=vision,
            adapters=adapters,
        )

    async def _adapters(self, dialect: Dialect, cards: list[Json]) -> Mapping[str, int] | None:
        if dialect.lora is LoraField.SCALES:
            listing = await self._ask("/lora-adapters") or {}
            return numbered_adapters(listing.get("data"))
        return listed_adapters(dialect, cards)

    async def _listing(self) -> tuple[str, list[Json]]:
        """Where the API is, and the models that it lists."""
        for api in self._apis:
            is_last = api == self._apis[-1]
            cards = _cards(await self._ask_url(f"{api}/models", follows=not is_last))
            if cards or is_last:
                return api, cards
        raise AssertionError("there is always an address to ask")

    async def _recognise(self, info: Json, cards: list[Json]) -> tuple[str, str]:
        """The dialect, and what tells it."""
        if "model_id" in info:
            return "tgi", "/info"
        owner = str(cards[0].get("owned_by")) if cards else ""
        if owner in OWNERS:
            return OWNERS[owner], f"owned_by {owner!r}"
        paths = (await self._ask("/openapi.json") or {}).get("paths", {})
        if "/load_model" in paths and "/v1/chat/completions" in paths:
            return "transformers", "/openapi.json"
        if not cards:
            raise self._unavailable("answers, but not as an inference server that is known here")
        return "openai", "its list of models alone"

    async def _facts(self, dialect: Dialect, card: Json) -> tuple[object, str, bool]:
        """The context window, the model behind the name, and whether it is known to see pictures.

        Unknown ones are empty.
        """
        window, origin = card.get("max_model_len"), card.get("root")
        vision = sees(card)
        if dialect.name == "llamacpp":
            props = await self._ask("/props") or {}
            settings = props.get("default_generation_settings")
            window = settings.get("n_ctx") if isinstance(settings, dict) else None
            origin = props.get("model_path")
            vision = vision or sees(props)
        if dialect.name == "sglang":  # its root repeats the alias
            info = await self._ask("/get_model_info") or {}
            origin = info.get("model_path") or origin
            vision = vision or sees(info)
        return window, origin if isinstance(origin, str) else "", vision

    def _model(self, dialect: Dialect, cards: list[Json], wanted: str) -> str:
        served = [str(card.get("id")) for card in cards]
        bases = base_models(cards) or served
        names = ", ".join(served[:5]) or "nothing"
        if dialect.name == "transformers":  # it lists its download cache, not what it serves
            if not wanted:
                raise self._unavailable("does not tell its model: name it as it was started with")
            return wanted
        if wanted:
            if dialect.stop_token_ids and served and wanted not in served:
                raise self._unavailable(f"serves {names} and not {wanted}")
            return wanted
        if not served or (len(bases) > 1 and dialect.name == "openai"):
            raise self._unavailable(f"serves {names}: say which model to ask for")
        return bases[0]

    async def _ask(self, path: str) -> Json | None:
        """The JSON object at that path below the root; None where the server has none.

        Gateways refuse or redirect paths that they do not know: that says nothing of the key.
        """
        return await self._ask_url(self._root + path, is_optional=True)

    async def _ask_url(
        self, url: str, *, is_optional: bool = False, follows: bool = False
    ) -> Json | None:
        """The JSON object at that URL. ``follows``: another URL is asked where it redirects."""
        try:
            async with asyncio.timeout(2 * self._timeout_s), http_client() as client:
                response = await client.get(url, headers=self._headers, timeout=self._timeout_s)
            if response.status_code in NOT_READY:
                raise self._unavailable(
                    f"is not ready yet (HTTP {response.status_code})", retryable=True
                )
            if not (is_optional or (follows and 300 <= response.status_code < 400)):
                self._refuse(response.status_code)
            body = response.json() if response.status_code == 200 else None
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
            raise self._unavailable(
                f"cannot be reached ({type(error).__name__})", retryable=True
            ) from error
        except ValueError:
            return None
        if isinstance(body, list):  # Together's list of models, llama.cpp's of adapters
            return {"data": body}
        return body if isinstance(body, dict) else None

    def _refuse(self, status: int) -> None:
        if status in (401, 403):
            raise self._unavailable(f"does not accept the API key (HTTP {status})")
        if 300 <= status < 400:
            raise self._unavailable(f"redirects (HTTP {status}): use the address it points to")

    def _unavailable(self, what: str, *, retryable: bool = False) -> EngineError:
        return EngineError(
            FailureReason.ENGINE_UNAVAILABLE,
            f"The inference server at {self._where} {what}.",
            retryable=retryable,
        )


def _cards(listing: Json | None) -> list[Json]:
    cards = (listing or {}).get("data")
    return [card for card in cards if isinstance(card, dict)] if isinstance(cards, list) else []


def sees(facts: Json) -> bool:
    """Whether a server's facts on a model say that it sees pictures.

    llama.cpp's /props, SGLang's /get_model_info, and the model lists of Mistral and OpenRouter do;
    vLLM, TGI and transformers say nothing.
    """
    match facts:
        case {"modalities": {"vision": True}} | {"has_image_understanding": True}:
            return True
        case {"capabilities": {"vision": True}}:
            return True
        case {"architecture": {"input_modalities": [*kinds]}}:
            return "image" in kinds
        case _:
            return False


def _tgi(dialect: Dialect, info: Json, wanted: str, *, api: str, told_by: str) -> Backend:
    return Backend(
        dialect=dialect,
        api=api,
        recognised_by=told_by,
        model=str(info.get("model_id") or wanted or "tgi"),
        context_window=_positive(info.get("max_total_tokens")),
        max_input=_positive(info.get("max_input_tokens", info.get("max_input_length"))),
    )


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
