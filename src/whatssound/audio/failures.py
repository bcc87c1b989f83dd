"""Why an encode ended badly, in a sentence, and whether the same file may do better later. Pure."""

import errno
from typing import Final

from whatssound.audio.encoder import EncodeFailed

_SHORTAGES: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM))
"""What passes by itself: disk, open files, processes, memory."""

STOPPED: Final = "The server was stopped each time it encoded this; it is encoded again when somebody wants to hear it."


class SourceChanged(Exception):
    """The file was replaced or written while it was being encoded: what came of it is of neither version."""

    reason: Final = "The file changes while it is being read; it is encoded again when somebody wants to hear it."


def reason_of(error: EncodeFailed | OSError) -> str:
    """What to tell the person who owns the file."""
    if isinstance(error, EncodeFailed):
        return error.reason
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The server's disk is full."
    if error.errno in _SHORTAGES:
        return "The server has no memory or no files left for this; it tries again when somebody wants to hear it."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "The file is no longer there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "We are not allowed to read this file."
    return "The server could not read or write this file."


def passes(error: EncodeFailed | OSError) -> bool:
    """Whether the server was short of something, so that the same file may be encoded later."""
    return isinstance(error, OSError) and error.errno in _SHORTAGES
