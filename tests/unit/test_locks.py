"""The lock files hold what pyproject.toml asks for, with hashes, and nothing of the machine."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "locks").glob("*.txt"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: Each lock of the project with the extras that it holds.
EXTRAS = {
    "dev": tuple(
        extra for extra in PROJECT["optional-dependencies"] if extra not in ("evaluate", "train")
    ),
    "bot": (),
    "served": ("tokenizer",),
    "local": ("local",),
    "evaluate": ("evaluate",),
    "train": ("local", "train"),
}
PYTHONS = ("3.11.2", "3.11.9", "3.12.4", "3.13.1", "3.14.0")

every_lock = pytest.mark.parametrize(
    "lock", [path for path in LOCKS if path.stem != "without-torch"], ids=lambda path: path.stem
)


def entries(lock: Path) -> Iterator[tuple[Requirement, list[str]]]:
    """Each pinned requirement with its hashes."""
    logical = lock.read_text("utf-8").replace("\\\n", " ")
    for line in logical.splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        yield Requirement(requirement), hashes


def pins(lock: Path, python: str) -> dict[str, Version]:
    """The versions that a lock installs for a Python on Linux."""
    found: dict[str, Version] = {}
    for requirement, _ in entries(lock):
        if applies(requirement.marker, python):
            [pin] = requirement.specifier
            assert pin.operator == "==", requirement
            name = canonicalize_name(requirement.name)
            assert name not in found, requirement
            found[name] = Version(pin.version)
    return found


def applies(marker: Marker | None, python: str) -> bool:
    short = ".".join(python.split(".")[:2])
    environment = {
        "python_version": short,
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "extra": "",
    }
    return marker is None or marker.evaluate(environment)


def wanted(extras: tuple[str, ...]) -> list[Requirement]:
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


@every_lock
def test_every_entry_is_pinned_and_has_hashes(lock: Path) -> None:
    found = list(entries(lock))
    assert found
    for requirement, hashes in found:
        assert requirement.url is None
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes)


@every_lock
def test_no_lock_names_an_index_or_a_path(lock: Path) -> None:
    assert not re.search(r"https?:|file:|--index|--find-links|/", lock.read_text("utf-8"))


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", EXTRAS)
def test_the_locks_satisfy_the_project_s_ranges(name: str, python: str) -> None:
    locked = pins(ROOT / f"locks/{name}.txt", python)
    for requirement in wanted(EXTRAS[name]):
        package = canonicalize_name(requirement.name)
        if package == "torch":
            continue
        assert package in locked, f"{package} is not in locks/{name}.txt: run `make lock`"
        assert requirement.specifier.contains(locked[package], prereleases=True), requirement
    assert {"pip", "setuptools"} <= locked.keys()


@pytest.mark.parametrize("python", PYTHONS)
def test_all_locks_agree_on_versions(python: str) -> None:
    everything = pins(ROOT / "locks/dev.txt", python)
    for name in ("bot", "served", "local", "installer"):
        locked = pins(ROOT / f"locks/{name}.txt", python)
        assert locked.items() <= everything.items(), name
    # What is installed beside the rest replaces no version of it.
    for name in ("evaluate", "train"):
        for package, version in pins(ROOT / f"locks/{name}.txt", python).items():
            assert everything.setdefault(package, version) == version, package


@every_lock
def test_torch_and_its_cuda_stay_out(lock: Path) -> None:
    names = {canonicalize_name(requirement.name) for requirement, _ in entries(lock)}
    assert not {name for name in names if name in ("torch", "triton") or name.startswith("nvidia-")}


def test_constraints_and_packaged_models_are_the_locked_ones() -> None:
    everything = pins(ROOT / "locks/dev.txt", "3.11.9")
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    for name, version in re.findall(r"^([\w-]+)==(\S+)$", constraints, re.MULTILINE):
        assert name == "torch" or everything[canonicalize_name(name)] == Version(version)
    asked = (ROOT / "requirements-models.txt").read_text("utf-8")
    for name, pin in pins(ROOT / "locks/models.txt", "3.11.9").items():
        assert f"{name}=={pin}" in asked
    demo = pins(ROOT / "locks/demo-model.txt", "3.11.9")
    assert demo.items() <= pins(ROOT / "locks/models.txt", "3.11.9").items()


def test_everything_but_torch_is_installed_by_hash() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    files = [ROOT / "docker/bot.Dockerfile", ROOT / "docker/worker.Dockerfile"]
    dockerfiles = "\n".join(path.read_text("utf-8") for path in files)
    installs = re.findall(r"pip install (.*)", dockerfiles)
    installs += re.findall(r"pip_install,(.*)\)", makefile)
    assert len(installs) > 6
    for arguments in installs:
        by_hash = "--require-hashes" in arguments or "$(LOCKED)" in arguments
        torch = "torch" in arguments or "$(TORCH)" in arguments
        itself = arguments.strip().endswith("-e .") and "--no-deps" in arguments
        assert by_hash or torch or itself, arguments
        assert not itself or "--no-build-isolation" in arguments
