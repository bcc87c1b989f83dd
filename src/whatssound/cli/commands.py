"""What `whatssound` can do."""

import asyncio
import sys
from getpass import getpass
from typing import Annotated, Final

import uvloop
from cyclopts import App, Parameter
from cyclopts.validators import Number

from whatssound import __version__
from whatssound.adapters.network import links_here
from whatssound.by_hand import TokenRole, invitation_by_hand, password_by_hand, token_by_hand
from whatssound.cli.keep import backup, restore
from whatssound.cli.room_log import log_commands
from whatssound.cli.settings import DEFAULTS, Origins, QuietSettings, Settings, sources
from whatssound.cli.show import shown
from whatssound.config import Config
from whatssound.doctor import check_up
from whatssound.logs import set_up_logs
from whatssound.serving.cpus import available_cpus
from whatssound.serving.run import serve_alone
from whatssound.serving.supervisor import serve_with_others

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
    command.command(doctor)
    command.command(backup)
    command.command(restore)
    command.command(invite)
    command.command(password)
    command.command(log_commands())

    @command.command(name="config")
    def show(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
        """Print the settings in effect and where each comes from; what it prints can be a whatssound.toml."""
        print(shown(settings, origins.said))  # noqa: T201

    return command


def serve(*, settings: Settings = Config()) -> None:  # noqa: B008 - frozen
    """Open the server: API, page, audio and sockets on one port."""
    set_up_logs(level=settings.log)
    processes = available_cpus() if settings.workers == "auto" else settings.workers
    uvloop.run(serve_alone(settings) if processes == 1 else serve_with_others(settings, processes))


def doctor(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
    """Look at everything that must work, with the settings in effect, and say how to mend what does not."""
    broken = 0
    for finding in check_up(settings):
        print("\n".join(finding.lines()), flush=True)  # noqa: T201
        broken += finding.state == "mend"
    if broken:
        sys.exit(1)


def token(
    *,
    role: Annotated[TokenRole, Parameter(help="What the token may do.")],
    name: Annotated[str | None, Parameter(help="Whose token; made when there is nobody of that name.")] = None,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Print an access token, good for one hour, and nothing else."""
    print(asyncio.run(token_by_hand(settings, role, name)))  # noqa: T201


def invite(
    *,
    uses: Annotated[int, Parameter(validator=Number(gte=1, lte=100), help="How many people may come by it.")] = 1,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=365), help="For how long it is open.")] = 7,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Print the link of a new invitation, and nothing else. Whoever makes an account by it is one of the invited."""
    path = asyncio.run(invitation_by_hand(settings, uses, days))
    print(links_here(settings).base + path)  # noqa: T201


def password(
    name: Annotated[str, Parameter(help="Whose password.")],
    *,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Give somebody another password, typed here or in the first line of standard input.

    Their sign-ins end, those in a running server within the hour.
    """
    typed = getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    asyncio.run(password_by_hand(settings, name, typed))
