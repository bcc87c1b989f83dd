"""`whatssound serve`."""

import uvloop

from whatssound.cli.settings import Settings
from whatssound.config import Config
from whatssound.logs import set_up_logs
from whatssound.serving.cpus import available_cpus
from whatssound.serving.run import serve_alone
from whatssound.serving.supervisor import serve_with_others


def serve(*, settings: Settings = Config()) -> None:  # noqa: B008 - frozen
    """Open the server: API, page, audio and sockets on one port."""
    set_up_logs(level=settings.log)
    processes = available_cpus() if settings.workers == "auto" else settings.workers
    uvloop.run(serve_alone(settings) if processes == 1 else serve_with_others(settings, processes))
