"""The endpoint's settings: off by default, and elsewhere than on loopback only with keys."""

from __future__ import annotations

import pytest

from inference_worker.settings import WorkerSettings
from runtime.settings_errors import SETTINGS_ERRORS, settings_errors

KEY = "0123456789abcdef"


def read(monkeypatch: pytest.MonkeyPatch, **values: str) -> WorkerSettings | list[str]:
    for name in ("PORT", "HOST", "SECRETS"):
        monkeypatch.delenv(f"WORKER_API_{name}", raising=False)
    for name, value in values.items():
        monkeypatch.setenv(f"WORKER_API_{name}", value)
    try:
        return WorkerSettings(_env_file=None)
    except SETTINGS_ERRORS as error:
        return settings_errors(error, WorkerSettings, "WORKER_")


def refused(monkeypatch: pytest.MonkeyPatch, **values: str) -> list[str]:
    lines = read(monkeypatch, **values)
    assert isinstance(lines, list)
    return lines


def test_it_is_off_and_on_loopback_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert isinstance(settings, WorkerSettings)
    assert (settings.api_port, settings.api_host, settings.api_keys) == (0, "127.0.0.1", ())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.4", "worker.example"])
@pytest.mark.parametrize("secrets", ["", " , ,"])
def test_it_is_refused_elsewhere_without_a_key(
    monkeypatch: pytest.MonkeyPatch, host: str, secrets: str
) -> None:
    [line] = refused(monkeypatch, PORT="8082", HOST=host, SECRETS=secrets)
    assert line.startswith(f"WORKER_API_HOST={host}: ")
    assert "WORKER_API_SECRETS" in line


def test_several_keys_open_it_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch, PORT="8082", HOST="0.0.0.0", SECRETS=f" {KEY}, {KEY}2 ,")
    assert isinstance(settings, WorkerSettings)
    assert settings.api_keys == (KEY, f"{KEY}2")


@pytest.mark.parametrize("key", ["short", "a key with blanks in it", "영어가 아닌 글자로 된 비밀"])
def test_a_key_that_can_be_guessed_or_not_sent_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    [line] = refused(monkeypatch, PORT="8082", SECRETS=f"{KEY},{key}")
    assert "openssl rand -hex 32" in line
    assert key not in line
