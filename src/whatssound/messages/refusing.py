"""A store's errors, told to whoever asked."""

import errno
from collections.abc import Awaitable
from typing import TypeVar

from whatssound.wire.errors import Refusal

T = TypeVar("T")


async def refusing(work: Awaitable[T]) -> T:
    """What `work` answers; its OSError becomes Refusal `disk_full` or `unavailable`."""
    try:
        return await work
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Refusal("disk_full", "The server's disk is full: nothing is stored until space is freed.") from error
        raise Refusal("unavailable", "The server's store does not answer; try again.", retry_after_ms=2_000) from error
