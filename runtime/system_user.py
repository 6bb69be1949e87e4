"""Who runs a command on this machine."""

from __future__ import annotations

import getpass


def system_user() -> str:
    """The user's name; empty where the machine does not know its user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
