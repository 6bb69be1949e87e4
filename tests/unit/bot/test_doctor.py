"""What `python -m bot doctor` finds wrong."""

from __future__ import annotations

import pytest

from bot.doctor.examination import examine
from bot.doctor.names import check_names
from bot.doctor.worker_settings import check_shared_stores
from bot.http.origin import origin
from tests.support.stack import (
    settings_for,
)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"admin_password": "short"}, "BOT_ADMIN_PASSWORD has fewer than"),
        ({"kakao_secret": "short"}, "BOT_KAKAO_SECRET, secret 1, has fewer than"),
        ({"host": "0.0.0.0", "simulator": True}, "BOT_SIMULATOR is on"),
        ({"slack_response_hosts": ("http://hooks.example",)}, "without TLS"),
        ({"slack_api_url": "http://slack.example/api/"}, "without TLS"),
        ({"slack_api_url": "http://127.0.0.1.example/api/"}, "without TLS"),
        ({"slack_bot_token": "xoxp-1"}, "BOT_SLACK_BOT_TOKEN: it is no bot token"),
    ],
)
async def test_the_doctor_calls_weak_secrets_wrong(
    changes: dict[str, object], complaint: str
) -> None:
    findings: list[str] = []
    assert await examine(settings_for("", "", **changes), findings.append) == 1
    assert any("WRONG" in line and complaint in line for line in findings)


@pytest.mark.parametrize("value", ['"0123456789abcdef"', "'0123456789abcdef'\n"])
@pytest.mark.parametrize("name", ["BOT_SLACK_SIGNING_SECRET", "WORKER_API_KEY"])
def test_the_doctor_calls_quotes_in_a_value_wrong(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert any(finding.sentence.startswith(f"{name} is in quotes") for finding in check_names())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost", "LOCALHOST"])
async def test_the_simulator_of_this_machine_alone_is_called_sound(host: str) -> None:
    hosts = (".kakao.com", origin(host, 8080))
    findings: list[str] = []
    changes: dict[str, object] = {"host": host, "simulator": True, "kakao_callback_hosts": hosts}
    await examine(settings_for("", "", **changes), findings.append)
    assert not any("without TLS" in line or "BOT_SIMULATOR" in line for line in findings)


@pytest.mark.parametrize(
    ("worker", "hints"),
    [
        ("postgresql://w:other@db:5432/bot", 0),
        ("postgresql+asyncpg://db/bot", 0),
        ("postgresql://u:p@db/old", 1),
        ("postgresql://u:p@db2/bot", 1),
        ("nonsense", 0),
        ("", 0),
    ],
)
def test_a_worker_on_another_database_is_told(
    worker: str, hints: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_DATABASE_URL", worker)
    monkeypatch.setenv("WORKER_REDIS_URL", "redis://cache/0")
    settings = settings_for("postgresql://u:p@db/bot", "redis://cache").settings
    found = list(check_shared_stores(settings))
    assert len(found) == hints
    assert all(":p@" not in finding.sentence for finding in found)
