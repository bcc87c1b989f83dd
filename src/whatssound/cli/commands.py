"""What `whatssound` can do."""

import asyncio
from typing import Annotated, Final

import uvloop
from cyclopts import App, Parameter

from whatssound import __version__
from whatssound.app import TokenRole, token_by_hand
from whatssound.cli.keep import backup, restore
from whatssound.cli.settings import DEFAULTS, Origins, QuietSettings, Settings, sources
from whatssound.cli.show import shown
from whatssound.config import Config
from whatssound.logs import set_up_logs
from whatssound.serving import listening_socket, serve_until_stopped

EPILOGUE: Final = (
    "Every setting of `whatssound serve` can be given to each command, by an environment variable, or in a file: see "
    "`whatssound serve --help` and `whatssound config`."
)


def build() -> App:
    """The command line."""
    origins = Origins()
    command = App(
        name="whatssound",
        version=__version__,
        help="Live DJ sessions: one plays, everyone hears the same second of it and talks.",
        help_epilogue=EPILOGUE,
        config=sources(origins),
        default_parameter=DEFAULTS,
    )
    command.command(serve)
    command.command(token)
    command.command(backup)
    command.command(restore)

    @command.command(name="config")
    def show(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
        """Print the settings in effect and where each comes from; what it prints can be a whatssound.toml."""
        print(shown(settings, origins.said))  # noqa: T201

    return command


def serve(*, settings: Settings = Config()) -> None:  # noqa: B008 - frozen
    """Open the server: API, page, audio and sockets on one port."""
    set_up_logs(level=settings.log)
    with listening_socket(settings.listen, settings.port) as listener:
        uvloop.run(serve_until_stopped(settings, listener))


def token(
    *,
    role: Annotated[TokenRole, Parameter(help="What the token may do.")],
    name: Annotated[str | None, Parameter(help="Whose token; made when there is nobody of that name.")] = None,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Print an access token, good for one hour, and nothing else."""
    print(asyncio.run(token_by_hand(settings, role, name)))  # noqa: T201
