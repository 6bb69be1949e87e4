"""The sentence for an address that a program cannot listen on."""

from __future__ import annotations

import errno
import os
import re
import socket


def cannot_listen(host: str, port: int, error: OSError, *, prefix: str) -> str:
    """What to do, with the names of the settings: ``prefix`` is BOT_ or WORKER_."""
    number = _number(error)
    if isinstance(error, socket.gaierror) or number in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return (
            f"Cannot listen on {host}:{port}: this machine has no such address: check {prefix}HOST."
        )
    if number == errno.EADDRINUSE:
        advice = f"stop the program that uses it, or choose another port with {prefix}PORT"
        return f"Cannot listen on {host}:{port}: it is in use: {advice}."
    if number in (errno.EACCES, errno.EPERM):
        advice = f"this user may not use it: choose a port above 1023 with {prefix}PORT"
        return f"Cannot listen on {host}:{port}: {advice}."
    reason = os.strerror(number).lower() if number > 0 else type(error).__name__
    return f"Cannot listen on {host}:{port} ({reason}): check {prefix}HOST and {prefix}PORT."


def _number(error: OSError) -> int:
    # asyncio puts the address and the reason into the text, and may leave the number out.
    named = re.search(r"\[Errno (\d+)\]", str(error))
    return error.errno or (int(named[1]) if named else 0)
