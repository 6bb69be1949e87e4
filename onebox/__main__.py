"""``python -m onebox``: everything on this machine, Postgres and Valkey included."""

from __future__ import annotations

import asyncio
import sys

from pydantic import ValidationError

from bot.settings import Settings
from onebox.run import run_onebox


def main() -> int:
    """Run until Ctrl-C or SIGTERM; exit status 1 and one sentence where it cannot."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "BOT_" + "_".join(str(part) for part in problem["loc"][:1]).upper()
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        return 1
    return asyncio.run(run_onebox(settings))


if __name__ == "__main__":
    sys.exit(main())
