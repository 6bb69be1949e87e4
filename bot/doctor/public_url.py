"""``doctor --url``: the webhooks as the messengers' platforms reach them from outside."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from yarl import URL

from bot.configuration import Configuration
from bot.doctor.certificate import check_certificate
from bot.domain.findings import Finding, Verdict
from bot.domain.webhook_probe import WebhookProbe
from runtime.ip_address import is_loopback
from runtime.network_errors import network_cause

#: Longer than the longest limit of a platform (5 s), so that a slow answer can be told from none.
TIMEOUT_S = 15.0
MAX_REPLY_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_UNREACHED = (502, 503, 504)


@dataclass(frozen=True, slots=True)
class Reply:
    """The response to a request of the doctor."""

    status: int  #: 0: there was none; ``cause`` says why
    took_s: float = 0.0
    is_json: bool = False
    location: str = ""
    cause: str = ""


class PublicUrlCheck:
    """Asks the public address what a platform would ask."""

    def __init__(self, configuration: Configuration) -> None:
        self._settings = configuration.settings
        self._messengers = configuration.messengers

    async def check(self, raw: str) -> AsyncIterator[Finding]:
        """The findings on certificate, secrets, latency, and what else is open there."""
        try:
            base = URL(raw).origin()
        except ValueError:
            yield Finding(Verdict.WRONG, f"--url {raw}: https://HOST is meant.")
            return
        if base.scheme == "https":
            certificate = await check_certificate(base.host or "", base.port or 443)
            yield certificate
            if certificate.verdict is Verdict.WRONG and "renew it now" not in certificate.sentence:
                yield Finding(
                    Verdict.HINT,
                    "The webhooks were not tried: secrets are sent only over verified TLS.",
                )
                return
        elif not is_loopback(base.host or ""):
            yield Finding(Verdict.WRONG, f"{base} has no TLS: messengers need https://.")
            return
        # aiohttp's own context was made when it was imported.
        connector = TCPConnector(ssl=ssl.create_default_context())
        timeout = ClientTimeout(total=TIMEOUT_S)
        async with ClientSession(connector=connector, timeout=timeout) as http:
            async for finding in self._webhooks(http, base):
                yield finding
            if base.scheme == "https":  # plain HTTP reaches this machine alone
                async for finding in self._open_pages(http, base):
                    yield finding

    async def _webhooks(self, http: ClientSession, base: URL) -> AsyncIterator[Finding]:
        for messenger in self._messengers:
            if probe := messenger.probe():
                for finding in await check_webhook(http, base, probe):
                    yield finding

    async def _open_pages(self, http: ClientSession, base: URL) -> AsyncIterator[Finding]:
        simulator, dashboard = base / "simulator", base / "admin/"
        if (await _ask(http, "GET", simulator)).status == 200:
            yield Finding(
                Verdict.WRONG,
                f"{simulator} is open to everybody: let the proxy pass only /webhooks/.",
            )
        if (await _ask(http, "GET", dashboard)).status not in (200, 303):
            return
        yield Finding(Verdict.HINT, f"{dashboard} can be reached from outside.")
        if not self._settings.admin_behind_proxy:
            yield Finding(
                Verdict.WRONG,
                "A proxy stands before the bot (it speaks TLS), and BOT_ADMIN_BEHIND_PROXY is off: "
                "all operators share one login limit. Set it to true where the proxy itself sets "
                "X-Forwarded-For and X-Forwarded-Proto.",
            )


async def check_webhook(http: ClientSession, base: URL, probe: WebhookProbe) -> list[Finding]:
    """The findings on one messenger: refused without the secret, answered in time with it."""
    url = base.join(URL(probe.path))
    unsigned = await _ask(http, "POST", url, probe, {})
    if unsigned.status != 401:
        return [Finding(Verdict.WRONG, f"{probe.label}: {_instead_of_401(unsigned, url)}")]
    refused = f"{probe.label}: a request without the secret is refused (401)."
    signed = await _ask(http, "POST", url, probe, probe.secret_headers)
    return [Finding(Verdict.OK, refused), _judge(signed, url, probe)]


def _judge(signed: Reply, url: URL, probe: WebhookProbe) -> Finding:
    if signed.status == 401:
        return Finding(
            Verdict.WRONG,
            f"{probe.label}: the bot at {url.host} refuses the {probe.secret_setting} of this "
            "machine: it has another one, or its clock is more than five minutes off.",
        )
    if signed.status != 200 or not signed.is_json:
        return Finding(Verdict.WRONG, f"{probe.label}: {_instead_of_200(signed, url)}")
    took = f"{probe.label}: the help command is answered in {signed.took_s:.2f} s"
    if probe.limit_s is None:
        return Finding(Verdict.OK, f"{took}.")
    limit = f"{probe.label} waits {probe.limit_s:g} s"
    if signed.took_s > probe.limit_s:
        return Finding(Verdict.WRONG, f"{took}, too late: {limit}. Is the path to the bot slow?")
    if signed.took_s > probe.limit_s / 2:
        return Finding(Verdict.HINT, f"{took}; {limit}, so little is left for an answer.")
    return Finding(Verdict.OK, f"{took} ({limit}).")


def _instead_of_401(reply: Reply, url: URL) -> str:
    if reply.status == 200:
        return f"{url} takes a request without the secret: another program answers there."
    return _instead_of_200(reply, url)


def _instead_of_200(reply: Reply, url: URL) -> str:
    if not reply.status:
        return f"{url}: {reply.cause}{'' if reply.cause[-1] == '?' else '.'}"
    if reply.status in _REDIRECTS:
        return f"{url} redirects to {reply.location}: give the address that answers itself."
    if reply.status in _UNREACHED:
        return f"the proxy at {url.host} does not reach the bot ({reply.status}): is it running?"
    advice = {
        200: "is that another program?",
        403: "a proxy or a firewall refuses it.",
        404: f"does the proxy pass {url.path} on as it is, and is it the bot?",
        405: "does the proxy pass POST on?",
    }
    return f"{url} answers {reply.status}: {advice.get(reply.status, 'see the log of the bot.')}"


async def _ask(
    http: ClientSession,
    method: str,
    url: URL,
    probe: WebhookProbe | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request, without following redirects: a secret goes to no other host."""
    sent = {**(headers or {}), **({"Content-Type": probe.content_type} if probe else {})}
    body = probe.body if probe else None
    started_at = time.monotonic()
    try:
        async with http.request(
            method, url, data=body, headers=sent, allow_redirects=False
        ) as response:
            await response.content.read(MAX_REPLY_BYTES)
            return Reply(
                response.status,
                time.monotonic() - started_at,
                response.content_type == "application/json",
                response.headers.get("Location", "")[:200],
            )
    except (TimeoutError, ClientError, OSError) as error:
        cause = network_cause(error) or f"no answer ({type(error).__name__})"
        return Reply(0, time.monotonic() - started_at, cause=cause)
