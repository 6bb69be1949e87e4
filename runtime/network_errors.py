"""The cause of a failed connection, as a clause for an operator: refused, no such host, TLS."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

_REFUSED = "the connection was refused: is it running, and is the port right?"
_NO_HOST = "there is no such host: is the name spelt right, and does DNS answer?"
_SILENT = "no answer in time: a firewall, or the wrong address?"
_UNREACHABLE = "there is no route to that address"
_NO_SOCKET = "there is no such socket: is the server running?"
_LONG_PATH = "the path of the socket is longer than this system allows"
_FORBIDDEN = "this user may not open the socket"
_CLOSED = "the connection was closed: is TLS wanted there, or is it another service?"

_BY_ERRNO = {
    errno.ECONNREFUSED: _REFUSED,
    errno.ETIMEDOUT: _SILENT,
    errno.EHOSTUNREACH: _UNREACHABLE,
    errno.ENETUNREACH: _UNREACHABLE,
    errno.EADDRNOTAVAIL: _UNREACHABLE,
    errno.ENOENT: _NO_SOCKET,
    errno.ENOTDIR: _NO_SOCKET,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ECONNRESET: _CLOSED,
    errno.EPIPE: _CLOSED,
}

#: OpenSSL's verification codes (x509_vfy.h) that an operator can act on.
_CERTIFICATE = {
    9: "the certificate is not valid yet: is the clock right?",
    10: "the certificate has expired: renew it",
    18: "the certificate is self-signed: nobody else trusts it",
    19: "the certificate's issuer is not trusted",
    20: "the certificate's issuer is not known: is the chain complete (fullchain.pem)?",
    21: "the certificate's issuer is not known: is the chain complete (fullchain.pem)?",
    62: "the certificate is for another host name",
    64: "the certificate is for another address",
}


def network_cause(error: BaseException) -> str:
    """Why no connection came about; empty if the error or its causes are no network errors."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if cause := _cause(link):
            return cause
        link = link.__cause__ or link.__context__
    return ""


def _cause(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        default = f"the certificate is refused ({error.verify_message})"
        return f"TLS: {_CERTIFICATE.get(error.verify_code, default)}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: the handshake failed ({(error.reason or 'no reason given').lower()})"
    if isinstance(error, socket.gaierror) or _is_no_name(error):
        return _NO_HOST
    if isinstance(error, TimeoutError):
        return _SILENT
    if isinstance(error, OSError):
        return _by_number(error)
    return ""


def _is_no_name(error: BaseException) -> bool:
    """Whether it is about a host's name that cannot be one: an empty or too long part."""
    return isinstance(error, UnicodeError) and "idna" in str(error)


def _by_number(error: OSError) -> str:
    if "path too long" in str(error):
        return _LONG_PATH
    # Several addresses of one name: asyncio joins their errors into one without a number.
    named = re.search(r"\[Errno (\d+)\]", str(error))
    number = error.errno or (int(named[1]) if named else 0)
    if number in _BY_ERRNO:
        return _BY_ERRNO[number]
    if isinstance(error, ConnectionError) and not number:
        return _CLOSED
    return os.strerror(number).lower() if number > 0 else ""
