"""The settings that one machine makes for its own bot and worker, where nobody set them."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from bot.configuration import Configuration
from bot.http.origin import origin
from bot.settings import Settings
from inference_worker.settings import WorkerSettings
from onebox.data_dir import CannotStart
from onebox.process_environment import BOT, WORKER, inherited
from runtime.ip_address import is_loopback
from runtime.listening import cannot_listen
from runtime.settings_errors import SETTINGS_ERRORS, settings_errors

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
            raise CannotStart(cannot_listen(host, port, problem, prefix="BOT_")) from None
        return int(probe.getsockname()[1])


def local_secrets(configuration: Configuration, file: Path) -> dict[str, str]:
    """The secrets that nobody set, by setting: made once, and kept in ``file`` (mode 0600)."""
    unset = dict(_unset_secrets(configuration))
    kept = _read(file)
    missing = {name: make() for name, make in unset.items() if not kept.get(name)}
    if missing:
        kept |= missing
        _write(file, kept)
    return {name: kept[name] for name in unset}


def _unset_secrets(configuration: Configuration) -> Iterator[tuple[str, Callable[[], str]]]:
    """Each secret that can be made here and is not set, such as ``kakao_secret``, and how."""
    if not configuration.settings.admin_password.get_secret_value():
        yield "admin_password", lambda: secrets.token_urlsafe(15)
    if not configuration.settings.admin_secret_keys.get_secret_value():
        yield "admin_secret_keys", lambda: Fernet.generate_key().decode()
    for messenger in configuration.messengers:
        for name, make in messenger.local_defaults.secrets.items():
            if not getattr(messenger.settings, name).get_secret_value():
                yield f"{messenger.name}_{name}", make


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
    except SETTINGS_ERRORS as error:
        raise CannotStart(f"{settings_errors(error, WorkerSettings, 'WORKER_')[0]}.") from None


def simulator_is_on(settings: Settings) -> bool:
    """Whether to open the simulator: by default only where nobody but this machine reaches it."""
    if "simulator" in settings.model_fields_set:
        return settings.simulator
    return is_loopback(settings.host)


def bot_environment(
    configuration: Configuration, machine: Machine, made: dict[str, str]
) -> dict[str, str]:
    """The environment of the bot; ``made``: the secrets that were made here, by setting."""
    on = simulator_is_on(configuration.settings)
    known = {
        "data_dir": str(machine.data_dir),
        "port": str(machine.port),
        "database_url": machine.database_url,
        "redis_url": machine.redis_url,
        "simulator": "true" if on else "false",
    }
    # Only the simulator takes callbacks and calls at the bot's own origin.
    simulated = {}
    if on:
        hosts, platforms = _callback_hosts, _simulated_platforms
        simulated = hosts(configuration, machine) | platforms(configuration, machine)
    return {**inherited(BOT), **_named("BOT_", {**known, **simulated, **made})}


def worker_environment(machine: Machine, worker_set: set[str]) -> dict[str, str]:
    """The environment of the worker; ``worker_set``: the settings that somebody made."""
    known = _of_the_worker(machine)
    kept = {name: value for name, value in known.items() if name not in worker_set}
    return {**inherited(WORKER), **_named("WORKER_", kept)}


def _callback_hosts(configuration: Configuration, machine: Machine) -> dict[str, str]:
    return {
        f"{messenger.name}_{name}": ",".join([*getattr(messenger.settings, name), machine.origin])
        for messenger in configuration.messengers
        for name in messenger.local_defaults.origin_lists
    }


def _simulated_platforms(configuration: Configuration, machine: Machine) -> dict[str, str]:
    """The simulator's own platforms, for messengers with neither a URL nor a token set."""
    filled: dict[str, str] = {}
    for messenger in configuration.messengers:
        platform = messenger.local_defaults.platform
        if platform is None:
            continue
        names = (platform.url_setting, platform.token_setting)
        if not messenger.settings.model_fields_set.intersection(names):
            url, token = (f"{messenger.name}_{name}" for name in names)
            filled |= {url: machine.origin + platform.path, token: platform.make_token()}
    return filled


def _of_the_worker(machine: Machine) -> dict[str, str]:
    return {
        "data_dir": str(machine.data_dir),
        "database_url": machine.database_url,
        "redis_url": machine.redis_url,
        "drain_s": str(_DRAIN_S),
    }


def _named(prefix: str, fields: dict[str, str]) -> dict[str, str]:
    return {prefix + name.upper(): value for name, value in fields.items()}
