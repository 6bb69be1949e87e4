"""The compose file, without a Docker engine: what it names exists, and it keeps no secret."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from bot.app import SHUTDOWN_S
from bot.configuration import settings_blocks, variable_names
from inference_worker.settings import WorkerSettings

ROOT = Path(__file__).parents[3]
KNOWN = variable_names() | {f"WORKER_{name.upper()}" for name in WorkerSettings.model_fields}
WORKERS = ("worker-demo", "worker-gpu", "worker-served")
#: Set by the image, because they are folders in it.
OF_THE_IMAGE = {"BOT_DATA_DIR", "WORKER_DATA_DIR"}
#: Of the stores, in URLs: out of the environment.
PASSWORDS = {"${POSTGRES_PASSWORD}", "${VALKEY_PASSWORD:-${POSTGRES_PASSWORD}}"}
#: Taken from the environment or empty: never written down.
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN$|API_KEY")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def environment(services: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Every variable any service is given."""
    return {
        name: str(value)
        for service in services.values()
        for name, value in service.get("environment", {}).items()
    }


def seconds(duration: str) -> int:
    number, unit = duration[:-1], duration[-1]
    return int(number) * {"s": 1, "m": 60}[unit]


def test_services_and_their_profiles(services: dict[str, dict[str, Any]]) -> None:
    profiles = {name: service.get("profiles", []) for name, service in services.items()}
    assert profiles == {
        "postgres": [],
        "valkey": [],
        "migrate": [],
        "bot": [],
        "worker-demo": ["demo"],
        "worker-gpu": ["gpu"],
        "worker-served": ["served"],
    }


def test_everything_that_stays_up_has_a_health_check(services: dict[str, dict[str, Any]]) -> None:
    for name in services.keys() - {"migrate"}:
        check = services[name]["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert seconds(check["timeout"]) <= seconds(check["interval"]), name
        assert services[name]["restart"] == "unless-stopped", name
    assert "/healthz" in services["bot"]["healthcheck"]["test"][-1]
    assert services["migrate"]["restart"] == "no"


def test_no_log_grows_without_end(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["logging"]["driver"] == "local", name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_the_worker_s_health_check_is_a_module(services: dict[str, dict[str, Any]]) -> None:
    for name in WORKERS:
        *_, flag, module = services[name]["healthcheck"]["test"]
        assert flag == "-m"
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()


def test_no_secret_is_written_down(services: dict[str, dict[str, Any]]) -> None:
    for name, value in environment(services).items():
        if SECRET.search(name):
            empty = rf"\$\{{{name}(:-|:\?[^}}]+)\}}"
            assert re.fullmatch(empty, value) or value in PASSWORDS, name
        for password in re.findall(r"://[^/:@]*:(.*)@", value):
            assert password in PASSWORDS, name


def test_required_compose_settings_cannot_be_forgotten(compose: dict[str, Any]) -> None:
    required = re.findall(r"\$\{(\w+):\?", yaml.safe_dump(compose, width=1000))
    # Compose reads every service, also those of other profiles: more would be asked of everybody.
    assert set(required) == {"POSTGRES_PASSWORD"}


#: Without a key the endpoint stays on the container's loopback: elsewhere the worker refuses it.
TAKES = {"WORKER_API_HOST": "WORKER_API_SECRETS"}


def test_every_setting_exists_and_every_setting_can_be_set(
    services: dict[str, dict[str, Any]],
) -> None:
    named = {n for n in environment(services) if n.startswith(("BOT_", "WORKER_"))}
    assert named <= KNOWN
    assert KNOWN - named == OF_THE_IMAGE
    for name, value in environment(services).items():
        for inner in re.findall(r"\$\{(\w+)", value):
            taken = {name, "POSTGRES_PASSWORD", "VALKEY_PASSWORD", TAKES.get(name)}
            assert inner in taken, f"{name} takes {inner}"


def test_an_empty_variable_means_the_default(
    services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in environment(services):
        monkeypatch.setenv(name, "")
    blocks: list[type[BaseSettings]] = [*settings_blocks().values(), WorkerSettings]
    for kind in blocks:
        empty = kind(_env_file=None)
        for name, field in kind.model_fields.items():
            assert getattr(empty, name) == field.default, name


def test_dockerfiles_copy_what_exists_and_is_not_ignored(
    services: dict[str, dict[str, Any]],
) -> None:
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }
    files = {s["build"]["dockerfile"] for s in services.values() if "build" in s}
    assert files == {"docker/bot.Dockerfile", "docker/worker.Dockerfile"}
    for file in files:
        for line in (ROOT / file).read_text("utf-8").splitlines():
            if line.startswith("COPY "):
                *sources, _ = shlex.split(line)[1:]
                assert {source.split("/")[0] for source in sources} <= kept, line
                assert all((ROOT / source).exists() for source in sources), line


def test_images_run_as_a_user_and_only_the_local_worker_brings_torch(
    services: dict[str, dict[str, Any]],
) -> None:
    stages: dict[str, list[str]] = {}
    for file in ("docker/bot.Dockerfile", "docker/worker.Dockerfile"):
        for line in (ROOT / file).read_text("utf-8").splitlines():
            if line.startswith("FROM "):
                stages[line.split()[-1] if " AS " in line else "bot"] = stage = []
            elif line and not line.startswith("#"):
                stage.append(line)
    assert stages.keys() == {"bot", "served", "local"}
    for name, lines in stages.items():
        assert [line for line in lines if line.startswith("USER ")][-1] == "USER bllossom"
        locks = set(re.findall(r"-r locks/([\w-]+)\.txt", "\n".join(lines)))
        assert locks == {name} | ({"demo-model"} if name == "local" else set())
        assert any(line.split()[-1:] == ["torch"] for line in lines) == (name == "local")
    targets = {name: services[name]["build"]["target"] for name in WORKERS}
    assert targets == {"worker-demo": "local", "worker-gpu": "local", "worker-served": "served"}


def test_stopping_leaves_time_to_drain(services: dict[str, dict[str, Any]]) -> None:
    assert seconds(services["bot"]["stop_grace_period"]) >= SHUTDOWN_S + 5
    for name in WORKERS:
        drain_s = float(services[name]["environment"]["WORKER_DRAIN_S"])
        assert seconds(services[name]["stop_grace_period"]) >= drain_s + 5


def test_the_schema_comes_first(services: dict[str, dict[str, Any]]) -> None:
    for name in ("bot", *WORKERS):
        first = services[name]["depends_on"]["migrate"]
        assert first["condition"] == "service_completed_successfully"
    assert services["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_only_the_bot_is_published_and_only_on_this_host(
    compose: dict[str, Any], services: dict[str, dict[str, Any]]
) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.keys() == {"bot"}
    assert all(port.startswith("127.0.0.1:") for port in published["bot"])
    assert compose["networks"]["stores"]["internal"] is True
    for store in ("postgres", "valkey"):
        assert services[store]["networks"] == ["stores"]


def test_every_service_has_only_the_capabilities_it_needs(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    added = {name: service["cap_add"] for name, service in services.items() if "cap_add" in service}
    # Its entrypoint begins as root, gives itself the data and becomes the user postgres.
    assert added == {"postgres": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]}


def test_the_stores_want_a_password(services: dict[str, dict[str, Any]]) -> None:
    for name, url in environment(services).items():
        if name.endswith(("_DATABASE_URL", "_REDIS_URL")):
            assert re.search(r":\$\{\w+PASSWORD.*\}@", url), name
    asked = services["valkey"]["healthcheck"]["test"][-1]
    assert "VALKEY_PASSWORD" in asked
    assert services["valkey"]["user"] == "valkey"


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service.get("volumes", [])
    }
    assert used == compose["volumes"].keys()


def test_the_example_environment_names_real_settings_and_holds_no_secret(
    compose: dict[str, Any],
) -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    of_compose = set(re.findall(r"\$\{(\w+)", yaml.safe_dump(compose, width=1000)))
    for name, value in re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE):
        assert name in KNOWN | of_compose, name
        assert not (SECRET.search(name) and value), name


def test_the_compose_commands_of_the_documents_name_real_services_and_profiles(
    services: dict[str, dict[str, Any]],
) -> None:
    profiles = {profile for service in services.values() for profile in service.get("profiles", [])}
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    lines = [
        command
        for page in pages
        for command in re.findall(r"docker compose [^`\n#]*", page.read_text("utf-8"))
    ]
    assert len(lines) > 20
    verbs = "exec -T|exec|stop|restart|run --rm|logs -f --since 10m|--no-deps"
    for line in lines:
        assert set(re.findall(r"--profile (\w+)", line)) <= profiles, line
        for named in re.findall(rf"(?:{verbs}) ((?:[a-z][\w-]* ?)+)", line):
            first = named.split()[: 1 if "exec" in line or "run" in line else None]
            assert set(first) <= services.keys(), line
