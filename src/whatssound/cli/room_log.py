"""`whatssound log`: what an operator does with the room log on a NATS server of their own."""

import asyncio
from typing import Final

from cyclopts import App

from whatssound.by_hand import new_epoch_by_hand
from whatssound.cli.settings import DEFAULTS, QuietSettings
from whatssound.config import Config
from whatssound.logs import set_up_logs

log: Final = App(name="log", help="The events of rooms on your own NATS servers.", default_parameter=DEFAULTS)
"""The commands below `whatssound log`."""


@log.command
def new_epoch(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
    """Begin the rooms' events anew, after NATS's store was restored from a copy; prints the new epoch's name.

    The server may run: every listener takes a snapshot and goes on. Messages and rooms are not touched.
    """
    set_up_logs(level="ERROR")
    print(asyncio.run(new_epoch_by_hand(settings)))  # noqa: T201
