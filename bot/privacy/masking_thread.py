"""The thread in which long texts are masked: the event loop answers webhooks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from bot.privacy.detectors import load_detectors

Result = TypeVar("Result")

#: One thread: the pages of several operators wait for each other, not the webhooks for them.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="masking")


async def run_masking(work: Callable[[], Result]) -> Result:
    """Do the work in the masking thread, after what others have asked of it.

    It sees the caller's context variables, such as the language of the page.
    """
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_THREAD, context.run, work)


def prepare_masking() -> None:
    """Load what masking needs, in its thread: the first page does not wait for it."""
    _THREAD.submit(load_detectors)
