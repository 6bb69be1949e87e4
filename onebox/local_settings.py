"""The settings that one machine makes for its own bot and worker, where nobody set them."""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bot.http.origin import origin
from bot.settings import Settings
from inference_worker.settings import WorkerSettings
from onebox.data_dir import CannotStart

#: Each secret that can be made here, and how.
_MADE = {
    "kakao_secret": lambda: secrets.token_urlsafe(32),
    "slack_signing_secret": lambda: secrets.token_hex(32),
    "admin_password": lambda: secrets.token_urlsafe(15),
}
#: Shorter than the time a part has to stop (onebox/supervisor.py), so that a drain is not cut off.
_DRAIN_S = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the parts of this machine are, as the bot and the worker need to know it."""

    data_dir: Path
    host: str
    port: int
    database_url: str
    redis_url: str

    @property
    def origin(self) -> str:
        """Where the bot is reached from this machine, such as ``http://127.0.0.1:8080``."""
        return origin(self.host, self.port)


def free_port(host: str, port: int) -> int:
    """The port, or a free one for 0. Raises CannotStart where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            advice = "choose another address with BOT_HOST and BOT_PORT"
            if problem.errno == errno.EADDRINUSE:
                advice = "stop the program that uses it, or choose another port with BOT_PORT"
            raise CannotStart(
                f"The bot cannot listen on {host}:{port} ({problem.strerror}): {advice}."
            ) from None
        return int(probe.getsockname()[1])


def local_secrets(settings: Settings, file: Path) -> dict[str, str]:
    """The secrets that nobody set, by setting: made once, and kept in ``file`` (mode 0600)."""
    unset = [name for name in _MADE if not getattr(settings, name).get_secret_value()]
    kept = _read(file)
    missing = {name: _MADE[name]() for name in unset if not kept.get(name)}
    if missing:
        kept |= missing
        _write(file, kept)
    return {name: kept[name] for name in unset}


def _read(file: Path) -> dict[str, str]:
    try:
        plain = json.loads(file.read_text("utf-8"))
        return {str(name): str(value) for name, value in plain.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError):
        raise CannotStart(f"{file} cannot be read: delete it, and new secrets are made.") from None


def _write(file: Path, kept: dict[str, str]) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        json.dump(kept, output, indent=2)
    fresh.replace(file)


def set_for_the_worker() -> set[str]:
    """The worker's settings that somebody set. Raises CannotStart for a wrong one."""
    try:
        return WorkerSettings().model_fields_set
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"]).upper()
        raise CannotStart(f"WORKER_{name}: {problem['msg']}.") from None


def environment(
    settings: Settings, machine: Machine, made: dict[str, str], worker_set: set[str]
) -> dict[str, str]:
    """The environment of the bot and of the worker."""
    theirs = _of_the_worker(machine)
    kept = {name: value for name, value in theirs.items() if name not in worker_set}
    return {**os.environ, **_of_the_bot(settings, machine, made), **_named("WORKER_", kept)}


def _of_the_bot(settings: Settings, machine: Machine, made: dict[str, str]) -> dict[str, str]:
    hosts = {
        name: ",".join([*getattr(settings, name), machine.origin])
        for name in ("kakao_callback_hosts", "slack_response_hosts")
    }
    simulator = {} if "simulator" in settings.model_fields_set else {"simulator": "true"}
    known = {
        "data_dir": str(machine.data_dir),
        "port": str(machine.port),
        "database_url": machine.database_url,
        "redis_url": machine.redis_url,
    }
    return _named("BOT_", {**known, **hosts, **simulator, **made})


def _of_the_worker(machine: Machine) -> dict[str, str]:
    return {
        "data_dir": str(machine.data_dir),
        "database_url": machine.database_url,
        "redis_url": machine.redis_url,
        "drain_s": str(_DRAIN_S),
    }


def _named(prefix: str, fields: dict[str, str]) -> dict[str, str]:
    return {prefix + name.upper(): value for name, value in fields.items()}
