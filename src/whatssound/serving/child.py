"""What every process that the supervisor starts does first and last."""

import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvloop

from whatssound.config import StartError
from whatssound.logs import set_up_logs
from whatssound.serving.line import Failed, Line, Start
from whatssound.wire.errors import Refusal


def run(name: str, serve: Callable[[Start, Line], Coroutine[Any, Any, None]]) -> None:
    """Do `serve` on an event loop until it ends; what keeps it from starting is told the supervisor."""
    line = Line(socket.socket(fileno=int(sys.argv[1])))
    try:
        start = line.first()
    except EOFError:
        sys.exit(1)
    assert isinstance(start, Start)
    set_up_logs(level=start.config.log)
    structlog.contextvars.bind_contextvars(process=name if start.index == 0 else f"{name}-{start.index}")
    try:
        uvloop.run(serve(start, line))
    except (StartError, Refusal) as problem:
        _fail(line, problem.message if isinstance(problem, Refusal) else str(problem))
    except OSError as problem:
        _fail(line, f"The operating system refused: {problem.strerror or problem}.")


def _fail(line: Line, message: str) -> None:
    line.send(Failed(message))
    sys.exit(1)
