"""Run a command that cannot outlive its parent, and optionally not as root.

Usage: ``python tether.py SIGNAL PARENT_PID [--drop-root] COMMAND...``. It becomes the command
(``exec``) and keeps its process id. When the parent dies, for whatever reason, the kernel sends
the signal (``PR_SET_PDEATHSIG``, prctl(2)). The signal is tied to the thread that started the
child, so that thread has to outlive it. ``--drop-root`` first enters a user namespace in which this
user is 1000, for programs that refuse to run as root: files stay this user's, and nothing on the
host changes. The module imports only the standard library, so it runs by its path.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x1000_0000
#: Exit statuses: EX_OSERR of sysexits.h, and the shell's status of a command that cannot run.
REFUSED = 71
NOT_RUNNABLE = 126


def command(
    argv: list[str], *, on_death: signal.Signals = signal.SIGKILL, drop_root: bool = False
) -> list[str]:
    """The command line that runs ``argv`` as a tethered child of this process."""
    if sys.platform != "linux":
        return argv
    here = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [
        *here,
        str(int(on_death)),
        str(os.getpid()),
        *(["--drop-root"] if drop_root else []),
        *argv,
    ]


def _libc_call(name: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _enter_user_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    _libc_call("unshare", CLONE_NEWUSER)
    # user_namespaces(7): without this a group map is refused to an ordinary user.
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"1000 {user} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"1000 {group} 1", encoding="ascii")


def main(argv: list[str]) -> int:
    """Tie this process to its parent and become the command; returns only on failure."""
    on_death, parent, rest = int(argv[0]), int(argv[1]), argv[2:]
    try:
        if rest[0] == "--drop-root":
            rest = rest[1:]
            _enter_user_namespace()
        # After unshare: a change of credentials would clear the signal.
        _libc_call("prctl", PR_SET_PDEATHSIG, on_death, 0, 0, 0)
    except OSError as refusal:
        sys.stderr.write(f"{refusal}\n")
        return REFUSED
    if os.getppid() != parent:
        return REFUSED  # the parent died before prctl
    try:
        os.execvp(rest[0], rest)  # noqa: S606 - no shell is the point
    except OSError as problem:
        sys.stderr.write(f"{rest[0]}: {problem.strerror}\n")
    return NOT_RUNNABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
