"""What ``auto`` chooses on which machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from inference_worker.engines.registry import choose_engine
from inference_worker.errors import EngineError
from inference_worker.settings import WorkerSettings


def chosen_preset(tmp_path: Path, hub: str) -> str:
    """In a process of its own, with nothing in the hub's cache."""
    there = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.defpath}"}
    program = "from inference_worker.engines.registry import suitable_preset as s; print(s())"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **there},
        capture_output=True,
        check=True,
    )
    return said.stdout.decode().splitlines()[-1]


def nvidia_tools(folder: Path) -> None:
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)


def test_a_driver_that_torch_cannot_use_is_no_gpu(tmp_path: Path) -> None:
    nvidia_tools(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as hub:
        preset = chosen_preset(tmp_path, f"http://127.0.0.1:{hub.getsockname()[1]}")
    assert preset == ("bllossom-8b" if torch.cuda.is_available() else "demo")


def test_without_the_hub_it_is_the_demo(tmp_path: Path) -> None:
    nvidia_tools(tmp_path)
    assert chosen_preset(tmp_path, "http://127.0.0.1:1") == "demo"


def test_auto_is_served_where_there_is_an_address(tmp_path: Path) -> None:
    settings = WorkerSettings(base_url="http://127.0.0.1:1", data_dir=tmp_path)
    assert choose_engine(settings)[0] == "served"
    assert choose_engine(WorkerSettings(model="demo", data_dir=tmp_path))[0] == "local"


def test_served_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="WORKER_BASE_URL"):
        choose_engine(WorkerSettings(engine="served", data_dir=tmp_path))
