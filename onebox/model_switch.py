"""Carries out what the simulator's switch says of the model: the worker's process is held up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.simulator.model_switch import ModelState, ModelSwitch
from onebox.data_dir import os_errors_as_cannot_start
from onebox.supervisor import SupervisedProcess

#: A look at the switch; a slow worker stands still for all of it but RUN_S.
LOOK_S, RUN_S = 0.5, 0.12


@asynccontextmanager
async def switchable(worker: SupervisedProcess, switch: ModelSwitch) -> AsyncIterator[None]:
    """Offer the switch while the body runs; afterwards the worker runs as always."""
    with os_errors_as_cannot_start(switch.path.parent):
        switch.set(ModelState.WORKS)
    watching = asyncio.create_task(_obey(worker, switch), name="model switch")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        _send(worker, signal.SIGCONT)
        switch.remove()


async def _obey(worker: SupervisedProcess, switch: ModelSwitch) -> None:
    while True:
        state = switch.state
        if state in {ModelState.SLOW, ModelState.DEAD}:
            _send(worker, signal.SIGSTOP)
            await asyncio.sleep(LOOK_S)
        if state is not ModelState.DEAD:
            _send(worker, signal.SIGCONT)
            await asyncio.sleep(RUN_S if state is ModelState.SLOW else LOOK_S)


def _send(worker: SupervisedProcess, signum: signal.Signals) -> None:
    if worker.child is not None and worker.child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            worker.child.send_signal(signum)
