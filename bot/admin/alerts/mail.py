"""Mail by SMTP, in a thread of its own: a server that drips bytes must hold up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
import threading
from email.message import EmailMessage

from yarl import URL

#: Of each step of a mail, and of the whole: a server may be slow at every step.
MAIL_TIMEOUT_S, MAIL_S = 10.0, 30.0
_ERRORS = (OSError, smtplib.SMTPException, ValueError)


class MailSender:
    """Sends one mail at a time to one server.

    smtplib cannot be cancelled. So a mail that is given up keeps its thread, which no pool misses
    and no exit waits for; until it ends, the next mails are given up at once.
    """

    def __init__(self, smtp_url: str, to: str) -> None:
        self._smtp_url = smtp_url
        self._to = to
        self._lock = asyncio.Lock()
        self._is_sending = False

    async def send(self, words: str) -> str:
        """Send a mail; what went wrong, "" if nothing did."""
        async with self._lock:
            if self._is_sending:
                return "TimeoutError"
            try:
                async with asyncio.timeout(MAIL_S):
                    return await self._begin(words)
            except TimeoutError as error:
                return type(error).__name__

    def _begin(self, words: str) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str] = loop.create_future()

        def end(detail: str) -> None:
            self._is_sending = False
            if not ended.done():
                ended.set_result(detail)

        def run() -> None:
            detail = _attempt(self._smtp_url, self._to, words)
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                loop.call_soon_threadsafe(end, detail)

        threading.Thread(target=run, name="alert mail", daemon=True).start()
        self._is_sending = True
        return ended


def send_mail(smtp_url: str, to: str, words: str) -> None:
    """Send one mail; blocks. Raises OSError, SMTPException or ValueError."""
    url = URL(smtp_url)
    if url.scheme not in {"smtp", "smtps"} or not url.host:
        raise ValueError("smtp:// or smtps:// is expected")
    mail = EmailMessage()
    mail["From"] = to.split(",", maxsplit=1)[0].strip()
    mail["To"] = to
    mail["Subject"] = words.splitlines()[0]
    mail.set_content(words)
    kind = smtplib.SMTP_SSL if url.scheme == "smtps" else smtplib.SMTP
    with kind(url.host, url.port or (465 if url.scheme == "smtps" else 25),
              timeout=MAIL_TIMEOUT_S) as server:  # fmt: skip
        server.ehlo_or_helo_if_needed()
        if url.scheme == "smtp" and server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
            server.ehlo()
        elif url.scheme == "smtp" and url.user:
            raise ValueError("a password is not sent without TLS")
        if url.user:
            server.login(url.user, url.password or "")
        server.send_message(mail)


def _attempt(smtp_url: str, to: str, words: str) -> str:
    try:
        send_mail(smtp_url, to, words)
    except _ERRORS as error:
        return type(error).__name__
    return ""
