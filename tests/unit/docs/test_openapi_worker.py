"""docs/openapi-worker.yml describes the routes that the worker's endpoint has."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from inference_worker.api.server import ROUTES

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = yaml.safe_load((DOCS / "openapi-worker.yml").read_text("utf-8"))


def test_every_route_is_described_and_no_other() -> None:
    described = {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item
    }
    assert described == {(method, re.sub(":[^}]*", "", path)) for method, path, _ in ROUTES}
