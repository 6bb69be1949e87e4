"""``python -m onebox``: everything on this machine, Postgres and Valkey included."""

from __future__ import annotations

import asyncio
import sys

from bot.configuration import ConfigurationError, read_configuration
from onebox.run import run_onebox


def main() -> int:
    """Run until Ctrl-C or SIGTERM; exit status 1 and one sentence where it cannot."""
    try:
        configuration = read_configuration()
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{line}\n" for line in error.lines))
        return 1
    return asyncio.run(run_onebox(configuration))


if __name__ == "__main__":
    sys.exit(main())
