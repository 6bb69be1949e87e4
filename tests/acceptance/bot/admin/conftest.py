"""A whole bot with its worker, and two people at the dashboard in Chromium."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from fakes.engine_server import last_user_text
from fakes.oidc import CLIENT_ID, CLIENT_SECRET, oidc_provider
from inference_queue.presets import PRESETS
from tests.support.admin import SECRET_KEY
from tests.support.browser import browser_page, second_browser_page
from tests.support.raw_http import free_port
from tests.support.stack import Stack, running_stack, running_worker, served, until_ready

__all__ = ["browser_page", "second_browser_page"]

#: How long something may take to be seen, on a busy machine.
WAIT_MS = 30_000
PLAYWRIGHTS_OWN_MS = 5_000

#: The preset that the questions are asked again with; its answers begin with ``POLITE``.
OTHER_PRESET = "llama3-bllossom"
OTHER = PRESETS[OTHER_PRESET]
POLITE = "고객님,"


def answer(messages: list[dict[str, Any]]) -> str:
    """What the live stand-in's model says."""
    return f"답: {last_user_text(messages)}"


def polite_answer(messages: list[dict[str, Any]]) -> str:
    """What the other model says, where it is asked with its own preset's system prompt."""
    is_own = messages[0] == {"role": "system", "content": OTHER.system_prompt}
    return f"{POLITE if is_own else '답:'} {last_user_text(messages)}"


@asynccontextmanager
async def other_worker(stack: Stack, database_url: str, redis_url: str) -> AsyncIterator[None]:
    """A second worker on the same database, whose model is the other preset's."""
    async with (
        served(model=OTHER.model, reply=polite_answer) as (_, engine),
        running_worker(database_url, redis_url, engine),
    ):
        await until_ready(stack, model=OTHER.model)
        yield


@pytest.fixture
async def stack(database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Stack]:
    """A bot whose dashboard knows a provider, with a worker before a stand-in engine."""
    port = free_port()
    home = f"http://127.0.0.1:{port}"
    async with oidc_provider(time.time) as provider, served(reply=answer) as (_, engine):
        provider.redirect_uri = f"{home}/admin/login/oidc/callback"
        provider.claims = {"sub": "7", "preferred_username": "kim", "groups": ["qa"]}
        settings: dict[str, Any] = {
            "port": port,
            "data_dir": tmp_path,
            "export_disk_reserve_mb": 0,
            "admin_secret_keys": SECRET_KEY,
            "admin_public_url": home,
            "admin_oidc_issuer": provider.issuer,
            "admin_oidc_client_id": CLIENT_ID,
            "admin_oidc_client_secret": CLIENT_SECRET,
            "admin_oidc_roles": ("admin=chiefs", "reviewer=qa"),
        }
        async with running_stack(database_url, redis_url, engine, **settings) as running:
            yield running


@pytest.fixture(autouse=True)
def patience(browser_page: Page, second_browser_page: Page) -> Iterator[None]:
    """Wait ``WAIT_MS`` for what is to be seen or clicked."""
    for page in (browser_page, second_browser_page):
        page.set_default_timeout(WAIT_MS)
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=PLAYWRIGHTS_OWN_MS)
