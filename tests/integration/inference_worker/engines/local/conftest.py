"""One process loads the models that tests share, and one the models of each other file."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = {"demo_engine", "korean_engine", "noise_engine"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and HERE in item.path.parents:
            shares = not SHARED.isdisjoint(item.fixturenames)
            item.add_marker(pytest.mark.xdist_group("models" if shares else item.path.stem))
