"""`whatssound serve`."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvloop

from whatssound.cli.loading import loading
from whatssound.cli.settings import Settings
from whatssound.config import Config
from whatssound.logs import set_up_logs
from whatssound.serving.cpus import available_cpus


def serve(*, settings: Settings = Config()) -> None:  # noqa: B008 - frozen
    """Open the server: API, page, audio and sockets on one port."""
    set_up_logs(level=settings.log)
    processes = available_cpus() if settings.workers == "auto" else settings.workers
    with loading():
        run = _alone() if processes == 1 else _with_others(processes)
    uvloop.run(run(settings))


def _alone() -> Callable[[Config], Coroutine[Any, Any, None]]:
    from whatssound.serving.run import serve_alone  # noqa: PLC0415 - the supervisor needs nothing of what it loads

    return serve_alone


def _with_others(processes: int) -> Callable[[Config], Coroutine[Any, Any, None]]:
    from whatssound.serving.supervisor import serve_with_others  # noqa: PLC0415

    return partial(serve_with_others, processes=processes)
