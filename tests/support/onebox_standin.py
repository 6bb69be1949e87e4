"""A small bot and worker for the tests of onebox: real processes, nothing loaded.

``python -m tests.support.onebox_standin onebox | bot | worker``. The bot answers ``/readyz`` like
the real one, and the model is ready once the worker is; both leave their environment in the data
directory.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from aiohttp import web

from bot.configuration import read_configuration
from onebox.run import run_onebox

ME = (sys.executable, "-m", "tests.support.onebox_standin")


def _leave_environment(name: str, data_dir: Path) -> None:
    ours = {k: v for k, v in os.environ.items() if k.startswith(("BOT_", "WORKER_"))}
    (data_dir / f"{name}.json").write_text(json.dumps(ours), encoding="utf-8")


def bot() -> None:
    data_dir = Path(os.environ["BOT_DATA_DIR"])
    _leave_environment("bot", data_dir)

    async def readyz(request: web.Request) -> web.Response:
        ready = (data_dir / "worker.json").exists()
        worker = {"ok": ready, "detail": "" if ready else "no worker is running"}
        parts = {"postgres": {"ok": True}, "worker": worker}
        asked = request.query.get("model") == "1"
        status = 200 if ready or not asked else 503
        return web.json_response({"status": "", "parts": parts}, status=status)

    app = web.Application()
    app.router.add_get("/readyz", readyz)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["BOT_PORT"]), print=None)


def worker() -> None:
    data_dir = Path(os.environ["WORKER_DATA_DIR"])
    while not (data_dir / "bot.json").exists():  # else nobody is told what is waited for
        time.sleep(0.05)
    time.sleep(0.2)
    sys.stdout.write(json.dumps({"event": "model_progress", "progress": "half of it is here"}))
    sys.stdout.write("\n")
    sys.stdout.flush()
    time.sleep(0.6)  # longer than the pause between two looks at the log
    _leave_environment("worker", data_dir)
    time.sleep(3600)


if __name__ == "__main__":
    if sys.argv[1] == "onebox":
        sys.exit(
            asyncio.run(run_onebox(read_configuration(), bot=[*ME, "bot"], worker=[*ME, "worker"]))
        )
    {"bot": bot, "worker": worker}[sys.argv[1]]()
