"""The command `whatssound`: reads the command line, starts processes, and says in one line what went wrong."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Final, NoReturn

import uvloop
from cyclopts import App, Parameter
from cyclopts.config import Env
from cyclopts.validators import Number

from whatssound import __version__
from whatssound.app import TokenRole, token_by_hand
from whatssound.config import Config, StartError, limits_from
from whatssound.logs import set_up_logs
from whatssound.serving import listening_socket, serve_until_stopped
from whatssound.wire.errors import Refusal

DATA_HELP: Final = "The data folder: secret, databases, uploads, encoded audio."

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

command = App(
    name="whatssound",
    version=__version__,
    help="Live DJ sessions: one plays, everyone hears the same second of it and talks.",
    config=Env("WHATSSOUND_", command=False),
)


def default_data() -> Path:
    """Where data lives when nobody says otherwise: the place that XDG names for it."""
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "whatssound"


@command.command
def serve(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(validator=Number(gte=0, lte=65_535), help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    lan: Annotated[bool, Parameter(negative="", help="Listen on all addresses, for your own network.")] = False,
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
    library: Annotated[
        list[Path] | None, Parameter(negative="", help="A folder of music; may be given several times. Only read.")
    ] = None,
    public_url: Annotated[
        str | None, Parameter(help="Where people reach it from outside, sub-path included: https://example.org/music.")
    ] = None,
    demo: Annotated[bool, Parameter(negative="", help="Open a room that plays three pieces of our own.")] = False,
) -> None:
    """Open the server: API, page, audio and sockets on one port."""
    config = Config(
        host="0.0.0.0" if lan else host,
        port=port,
        data=data or default_data(),
        libraries=tuple(folder.expanduser().absolute() for folder in library or ()),
        demo=demo,
        public_url=public_url,
        jwt_secret=os.environ.get("WHATSSOUND_JWT_SECRET"),
        limits=limits_from(os.environ),
    )
    set_up_logs(level=_log_level())
    with listening_socket(config.host, config.port) as listener:
        uvloop.run(serve_until_stopped(config, listener))


@command.command
def token(
    *,
    role: Annotated[TokenRole, Parameter(help="What the token may do.")],
    name: Annotated[str | None, Parameter(help="Whose token; made when there is nobody of that name.")] = None,
    data: Annotated[Path | None, Parameter(help=DATA_HELP)] = None,
) -> None:
    """Print an access token, good for one hour, and nothing else."""
    config = Config(data=data or default_data(), jwt_secret=os.environ.get("WHATSSOUND_JWT_SECRET"))
    print(asyncio.run(token_by_hand(config, role, name)))  # noqa: T201


def _log_level() -> str:
    level = os.environ.get("WHATSSOUND_LOG", "INFO").upper()
    if level not in LOG_LEVELS:
        raise StartError(f"WHATSSOUND_LOG must be one of {', '.join(LOG_LEVELS)}, not {level!r}.")
    return level


def main() -> None:
    """Run the command line; an error that has an answer is one line on standard error and status 1."""
    try:
        command()
    except (StartError, Refusal) as problem:
        fail(problem.message if isinstance(problem, Refusal) else str(problem))
    except OSError as problem:  # a disk that filled up while the server started, for instance
        fail(f"The operating system refused: {problem.strerror or problem}. Make room or mend permissions; try again.")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(line: str) -> NoReturn:
    """Say `line` on standard error and leave with status 1."""
    sys.stderr.write(f"whatssound: {line}\n")
    sys.exit(1)
