"""Run a command that cannot outlive its parent, and that need not be root.

Usage: ``python tether.py SIGNAL PARENT_PID [--drop_root] COMMAND...``. It becomes the command
(``exec``), so the process id stays. When the parent dies, however it dies, the kernel sends the
signal (``PR_SET_PDEATHSIG``, prctl(2)): the signal follows the thread that started the child, so
start children from a thread that lives as long as they may. ``--drop_root`` first enters a user
namespace in which this user is 1000, for programs that refuse to run as root: files stay this
user's, and nothing on the host changes. A file of its own and of the standard library only, so
that it can be run by its path, before anything is imported.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x1000_0000
#: Exit statuses of sysexits.h: the system refused, or the command could not be run.
REFUSED = 71
NOT_RUNNABLE = 126


def command(
    argv: list[str], *, on_death: signal.Signals = signal.SIGKILL, drop_root: bool = False
) -> list[str]:
    """The command line that runs ``argv`` tied to this process."""
    if sys.platform != "linux":
        return argv
    here = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [
        *here,
        str(int(on_death)),
        str(os.getpid()),
        *(["--drop_root"] if drop_root else []),
        *argv,
    ]


def _libc_call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _leave_root() -> None:
    user, group = os.geteuid(), os.getegid()
    _libc_call("unshare", CLONE_NEWUSER)
    # user_namespaces(7): without this a group map is refused to an ordinary user.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"1000 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"1000 {group} 1", encoding="ascii")


def main(argv: list[str]) -> int:
    """Tie this process to its parent and become the command; returns only when refused."""
    on_death, parent, rest = int(argv[0]), int(argv[1]), argv[2:]
    try:
        if rest[0] == "--drop_root":
            rest = rest[1:]
            _leave_root()
        # After the namespace: a change of credentials would clear it.
        _libc_call("prctl", PR_SET_PDEATHSIG, on_death, 0, 0, 0)
    except OSError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return REFUSED
    if os.getppid() != parent:
        return REFUSED  # the parent died before the kernel knew of the tie
    try:
        os.execvp(rest[0], rest)  # noqa: S606 - no shell is the point
    except OSError as problem:
        sys.stderr.write(f"{rest[0]}: {problem.strerror}\n")
    return NOT_RUNNABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
