"""The worker's settings, where the worker is installed and some of them are set here."""

from __future__ import annotations

from collections.abc import Iterator

from bot.doctor.names import given_names, worker_variable_names
from bot.domain.findings import Finding, Verdict
from bot.settings import Settings
from runtime.database_url import read_database_url
from runtime.redis_url import read_redis_url
from runtime.settings_errors import SETTINGS_ERRORS, settings_errors
from runtime.store_urls import store_url_errors


def check_worker_settings() -> Iterator[Finding]:
    """A finding for each value that would stop the worker."""
    given = {name.upper() for name in given_names()}
    if not given & worker_variable_names():
        return
    from inference_worker.settings import WorkerSettings  # noqa: PLC0415 - installed, as seen

    try:
        settings = WorkerSettings()
    except SETTINGS_ERRORS as error:
        for line in settings_errors(error, WorkerSettings, "WORKER_"):
            yield Finding(Verdict.WRONG, f"{line}.")
        return
    urls = (settings.database_url.get_secret_value(), settings.redis_url.get_secret_value())
    for line in store_url_errors("WORKER_", database_url=urls[0], redis_url=urls[1]):
        if not line.endswith("is not set"):  # `make run` and compose set them
            yield Finding(Verdict.WRONG, f"{line}.")


def check_shared_stores(settings: Settings) -> Iterator[Finding]:
    """A finding for each store that bot and worker know by different URLs."""
    if not worker_variable_names():
        return
    from inference_worker.settings import WorkerSettings  # noqa: PLC0415 - installed, as seen

    try:
        worker = WorkerSettings()
    except SETTINGS_ERRORS:  # said by check_worker_settings
        return
    for name, place in (("database_url", _database), ("redis_url", _valkey)):
        own, its = (getattr(one, name).get_secret_value() for one in (settings, worker))
        try:
            places = own and its and (place(own), place(its))
        except ValueError:  # said by the checks of each
            continue
        if places and places[0] != places[1]:
            variable = name.upper()
            yield Finding(
                Verdict.HINT,
                f"BOT_{variable} names {places[0]} and WORKER_{variable} {places[1]}: unless that "
                "is the same, no question reaches the worker.",
            )


def _database(raw: str) -> str:
    url = read_database_url(raw)
    return f"{url.place}, database {url.database or url.user}"


def _valkey(raw: str) -> str:
    url = read_redis_url(raw)
    return f"{url.place}, database {url.arguments.get('db', 0)}"
