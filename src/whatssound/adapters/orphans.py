"""A child process ends with its parent, also when the parent is killed without a word."""

import ctypes
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2); Linux alone has it."""


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies. Raises OSError where that is not possible.

    To be called by the child itself, first of all; a parent that died before that is noticed by its closed line.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
