"""Settings of the bot and of its messengers, read together: one line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.configuration import ConfigurationError, read_configuration
from bot.messengers.slack.settings import SlackSettings
from inference_worker.__main__ import main as work
from inference_worker.settings import WorkerSettings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lines() -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        read_configuration()
    return wrong.value.lines


@pytest.mark.parametrize("name", ["BOT_KAKAO_HOLD_S", "BOT_GENERIC_HOLD_S"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "0", "-1", "x"])
def test_a_time_that_no_answer_can_be_held_is_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    [line] = lines()
    assert line.startswith(f"{name}={value}: ")


def test_every_mistake_of_every_block_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["BOT_PORT", "BOT_KAKAO_SYNC_BUDGET_S", "BOT_GENERIC_MAX_STREAMS"]
    for name in names:
        monkeypatch.setenv(name, "x")
    assert [line.partition("=")[0] for line in lines()] == names


def test_every_block_reads_the_file_and_takes_empty_values_for_absent(folder: Path) -> None:
    (folder / ".env").write_text(
        "BOT_PORT=\nBOT_GENERIC_HOLD_S=\nBOT_LANGUAGE=en\nBOT_KAKAO_SECRET=one\n"
        "BOT_SLACK_SIGNING_SECRET=two\nBOT_GENERIC_SECRET=three\n"
    )
    configuration = read_configuration()
    assert (configuration.settings.port, configuration.settings.language) == (8080, "en")
    secrets = [messenger.settings.model_fields_set for messenger in configuration.messengers]
    assert secrets == [{"secret"}, {"signing_secret"}, {"secret"}]


def test_blanks_and_line_ends_around_a_value_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"PORT": " 81\r", "LANGUAGE": "en\n", "DATA_DIR": " ~/bot ", "HOST": " \n"}
    for name, value in values.items():
        monkeypatch.setenv(f"BOT_{name}", value)
    monkeypatch.setenv("BOT_SLACK_SIGNING_SECRET", "two\n")
    monkeypatch.setenv("WORKER_API_KEY", "key\r\n")
    monkeypatch.setenv("HOME", "/home/me")
    settings = read_configuration().settings
    assert (settings.port, settings.language, settings.host) == (81, "en", "127.0.0.1")
    assert settings.data_dir == Path("/home/me/bot")
    assert SlackSettings().signing_secret.get_secret_value() == "two"
    assert WorkerSettings().api_key.get_secret_value() == "key"


@pytest.mark.parametrize("name", ["LEASE_S", "DRAIN_S", "PATIENCE_S", "STUCK_S", "REFRESH_S"])
@pytest.mark.parametrize("value", ["inf", "nan", "1e300", "-1"])
def test_a_time_without_end_is_refused_by_the_worker(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"WORKER_{name}", value)
    assert work() == 1
    assert capsys.readouterr().err.startswith(f"WORKER_{name}={value}: a number ")


@pytest.mark.parametrize("name", ["MAX_WAITING", "MAX_WAITING_TURNS", "RATE_LIMIT_PER_MINUTE"])
def test_a_count_that_no_database_holds_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BOT_{name}", "9" * 20)
    [line] = lines()
    assert line.endswith("a whole number from 0 to 1000000 is needed")


def test_a_file_in_another_encoding_is_named_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / ".env").write_bytes("BOT_SYSTEM_PROMPT=친절하게".encode("cp949"))
    [line] = lines()
    assert line.startswith(".env: ")
    assert work() == 1
    assert capsys.readouterr().err == f"{line}\n"
