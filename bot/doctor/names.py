"""Names of settings that nothing reads: misspelt ones, in the environment and in .env."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator

from dotenv import dotenv_values

from bot.configuration import variable_names
from bot.domain.findings import Finding, Verdict

ENV_FILE = ".env"


def given_names() -> dict[str, str]:
    """Where each variable is set, by its name: the environment, or the file beside it."""
    return dict.fromkeys(_in_the_file(), f" in {ENV_FILE}") | dict.fromkeys(os.environ, "")


def is_set(name: str) -> bool:
    """Whether the variable has a value, in the environment or in the file."""
    return bool(os.environ.get(name) or _in_the_file().get(name))


def check_names() -> Iterator[Finding]:
    """A finding for each name with our prefix that is no setting, and each value in quotes."""
    worker_names = worker_variable_names()
    known = variable_names() | worker_names
    prefixes = ("BOT_", "WORKER_") if worker_names else ("BOT_",)
    for name, where in sorted(given_names().items()):
        spelt = name.upper()  # the programs read names in any case
        if spelt.startswith(prefixes) and spelt not in known:
            near = difflib.get_close_matches(spelt, known, n=1)
            advice = f"did you mean {near[0]}?" if near else "a typing error?"
            yield Finding(Verdict.WRONG, f"{name}{where} is not a setting: {advice}")
        elif spelt in known and _is_quoted(os.environ.get(name, "")):
            yield Finding(
                Verdict.WRONG,
                f"{name} is in quotes, which belong to its value (`docker run --env-file` keeps "
                "them): take them away.",
            )


def worker_variable_names() -> set[str]:
    """The worker's settings; none where only the bot is installed, as in its image."""
    try:
        from inference_worker.settings import WorkerSettings  # noqa: PLC0415
    except ImportError:
        return set()
    return {f"WORKER_{name.upper()}" for name in WorkerSettings.model_fields}


def _is_quoted(value: str) -> bool:
    value = value.strip()
    return len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"


def _in_the_file() -> dict[str, str | None]:
    try:
        return dict(dotenv_values(ENV_FILE, encoding="utf-8"))
    except (UnicodeDecodeError, OSError):  # reading the settings says what is wrong
        return {}
