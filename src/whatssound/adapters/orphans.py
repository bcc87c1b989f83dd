"""Child processes end with their parent, however it ends; whoever starts next waits until they are gone."""

import ctypes
import errno
import signal
import time
from collections.abc import Callable
from typing import Final, TypeVar

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2); Linux alone has it."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies. Raises OSError where that is not possible.

    To be called by the child itself, first of all; a parent that died before that is noticed by its closed line.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


LINGER_S: Final = 1.0
"""How long the children of a killed process may hold its port and its files at most; mostly it is milliseconds."""

_LOOK_S: Final = 0.02
_HELD: Final = (errno.EADDRINUSE, errno.EWOULDBLOCK)

Taken = TypeVar("Taken")


def once_orphans_are_gone(take: Callable[[], Taken]) -> Taken:
    """What `take` takes: a port, a lock. While somebody holds it, it is tried again for `LINGER_S`. Raises OSError."""
    until_s = time.monotonic() + LINGER_S
    while True:
        try:
            return take()
        except OSError as problem:
            if problem.errno not in _HELD or time.monotonic() >= until_s:
                raise
        time.sleep(_LOOK_S)
