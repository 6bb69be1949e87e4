"""What one machine decides for its bot and worker, and what it leaves as somebody set it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from onebox.local_settings import Machine, environment, local_secrets
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
        simulator=False, admin_password=SecretStr("mine"), kakao_callback_hosts=".example.com"
    )
    made = local_secrets(configured, tmp_path / "secrets.json")
    assert set(made) == {"kakao_secret", "slack_signing_secret", "generic_secret"}
    env = environment(configured, MACHINE, made, {"redis_url"})
    assert env["BOT_KAKAO_CALLBACK_HOSTS"] == ".example.com,http://127.0.0.1:81"
    assert "BOT_SIMULATOR" not in env
    assert "WORKER_REDIS_URL" not in env
    assert env["WORKER_DATABASE_URL"] == MACHINE.database_url


def test_secrets_are_long_stay_and_may_grow(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = local_secrets(configuration(admin_password=SecretStr("mine")), file)
    every = local_secrets(configuration(), file)
    assert every.items() > first.items()
    assert min(len(secret) for secret in every.values()) >= 20
    assert file.stat().st_mode & 0o777 == 0o600
    assert local_secrets(configuration(), file) == every
