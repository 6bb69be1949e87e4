"""Who may ask: a bearer key of WORKER_API_SECRETS, or anybody on this machine without one.

Without keys the endpoint listens on loopback only (settings.py). A page in a browser on this
machine is still kept out: it can neither send JSON unasked nor a Host that is no loopback name.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from aiohttp import hdrs, web

from inference_worker.api.errors import ApiError
from runtime.ip_address import is_loopback

_SCHEME = "bearer "


def check_access(request: web.Request, keys: Sequence[str]) -> None:
    """Raises ApiError for a request without one of the keys; all are compared, in constant time."""
    if not keys:
        _check_host(request)
        return
    header = request.headers.get(hdrs.AUTHORIZATION, "")
    given = header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""
    compared = [hmac.compare_digest(_encoded(given), _encoded(key)) for key in keys]
    if not any(compared):
        sentence = (
            "This key is not one of the worker's: send one of WORKER_API_SECRETS as "
            "`Authorization: Bearer KEY`."
        )
        raise ApiError(401, sentence, "invalid_api_key")


def check_json(request: web.Request) -> None:
    """Raises ApiError for a body that is not plain JSON by its headers."""
    if hdrs.CONTENT_ENCODING in request.headers:
        raise ApiError(415, "Send the body unpacked: no Content-Encoding is read.", "packed_body")
    if request.content_type != "application/json":
        raise ApiError(415, "Send JSON, with Content-Type: application/json.", "not_json")


def _check_host(request: web.Request) -> None:
    # A foreign name that resolves to loopback is a page's trick (DNS rebinding).
    host = request.url.host or ""
    if not is_loopback(host):
        sentence = "Without WORKER_API_SECRETS only 127.0.0.1 and localhost are answered."
        raise ApiError(403, sentence, "foreign_host")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
