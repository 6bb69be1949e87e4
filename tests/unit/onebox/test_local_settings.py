"""What one machine decides for its bot and worker, and what it leaves as somebody set it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from onebox.local_settings import (
    Machine,
    bot_environment,
    local_secrets,
    worker_environment,
)
from onebox.process_environment import BOT, SERVER, WORKER, inherited
from tests.support.stack import configuration

MACHINE = Machine(
    data_dir=Path("/d"), host="0.0.0.0", port=81, database_url="postgresql:///b", redis_url="unix:"
)


@pytest.mark.parametrize(
    ("host", "seen"),
    [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("10.1.2.3", "10.1.2.3")],
)
def test_the_origin_is_one_that_this_machine_can_reach(host: str, seen: str) -> None:
    assert replace(MACHINE, host=host).origin == f"http://{seen}:81"


def test_explicit_setting_is_kept(tmp_path: Path) -> None:
    configured = configuration(
        simulator=True, admin_password=SecretStr("mine"), kakao_callback_hosts=".example.com"
    )
    made = local_secrets(configured, tmp_path / "secrets.json")
    messengers = {"kakao_secret", "slack_signing_secret", "generic_secret"}
    assert set(made) == {"admin_secret_keys", *messengers}
    bot = bot_environment(configured, MACHINE, made)
    assert bot["BOT_KAKAO_CALLBACK_HOSTS"] == ".example.com,http://127.0.0.1:81"
    assert bot["BOT_SIMULATOR"] == "true"
    worker = worker_environment(MACHINE, {"redis_url"})
    assert "WORKER_REDIS_URL" not in worker
    assert worker["WORKER_DATABASE_URL"] == MACHINE.database_url


@pytest.mark.parametrize(
    ("host", "chosen", "on"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("localhost", {}, True),
        ("0.0.0.0", {}, False),
        ("::", {}, False),
        ("", {}, False),
        ("192.168.0.2", {}, False),
        ("chat.internal", {}, False),
        ("0.0.0.0", {"simulator": True}, True),
        ("127.0.0.1", {"simulator": False}, False),
    ],
)
def test_the_simulator_and_its_callbacks_are_for_this_machine_unless_insisted_on(
    host: str, chosen: dict[str, bool], on: bool
) -> None:
    bot = bot_environment(configuration(host=host, **chosen), replace(MACHINE, host=host), {})
    assert bot["BOT_SIMULATOR"] == ("true" if on else "false")
    own = [name for name in bot if name.endswith("_HOSTS")]
    assert len(own) == (4 if on else 0), own


def test_simulators_slack_answers_the_bot_of_the_local_run() -> None:
    local = replace(MACHINE, host="127.0.0.1")
    bot = bot_environment(configuration(host="127.0.0.1"), local, {})
    assert bot["BOT_SLACK_API_URL"] == "http://127.0.0.1:81/simulator/slack/api/"
    assert re.fullmatch(r"xoxb-[\w-]{40,}", bot["BOT_SLACK_BOT_TOKEN"])
    again = bot_environment(configuration(host="127.0.0.1"), local, {})
    assert again["BOT_SLACK_BOT_TOKEN"] != bot["BOT_SLACK_BOT_TOKEN"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"slack_bot_token": SecretStr("xoxb-1")},
        {"slack_api_url": "https://slack.com/api/"},
        {"simulator": False},
        {"host": "0.0.0.0"},
    ],
)
def test_real_slack_is_never_replaced_by_the_simulators(chosen: dict[str, Any]) -> None:
    bot = bot_environment(configuration(**{"host": "127.0.0.1", **chosen}), MACHINE, {})
    assert "BOT_SLACK_API_URL" not in bot
    assert "BOT_SLACK_BOT_TOKEN" not in bot


def test_each_process_gets_its_own_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = {"PATH": "/bin", "HOME": "/h", "TZ": "UTC", "LD_LIBRARY_PATH": "/l"}
    bots = {"BOT_KAKAO_SECRET": "k", "BOT_ADMIN_PASSWORD": "a", "BOT_OWN": "x"}
    workers = {"WORKER_API_KEY": "w", "HF_TOKEN": "h", "CUDA_VISIBLE_DEVICES": "0"}
    nobodys = {"AWS_SECRET_ACCESS_KEY": "s", "POSTGRES_PASSWORD": "p", "XBOT_SECRET": "y"}
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in {**everybody, **bots, **workers, **nobodys, "PGPASSWORD": "g"}.items():
        monkeypatch.setenv(name, value)
    assert inherited(BOT) == {**everybody, **bots, "PGPASSWORD": "g"}
    assert inherited(WORKER) == {**everybody, **workers, "PGPASSWORD": "g"}
    assert inherited(SERVER) == everybody


def test_secrets_are_long_stay_and_may_grow(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = local_secrets(configuration(admin_password=SecretStr("mine")), file)
    every = local_secrets(configuration(), file)
    assert every.items() > first.items()
    assert min(len(secret) for secret in every.values()) >= 20
    assert file.stat().st_mode & 0o777 == 0o600
    assert local_secrets(configuration(), file) == every
