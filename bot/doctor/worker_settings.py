"""The worker's settings, where the worker is installed and some of them are set here."""

from __future__ import annotations

from collections.abc import Iterator

from bot.doctor.names import given_names, worker_variable_names
from bot.domain.findings import Finding, Verdict
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
