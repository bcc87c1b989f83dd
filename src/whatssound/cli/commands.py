"""What `whatssound` can do. A command's parts are loaded when it is called: `token` needs nothing of `serve`."""

from typing import Final

from cyclopts import App

from whatssound import __version__
from whatssound.cli.settings import DEFAULTS, Origins, QuietSettings, sources
from whatssound.cli.show import shown
from whatssound.config import Config

EPILOGUE: Final = (
    "Every setting of `whatssound serve` can be given to each command, by an environment variable, or in a file: see "
    "`whatssound serve --help` and `whatssound config`."
)

COMMANDS: Final = {
    "serve:serve": "Open the server: API, page, audio and sockets on one port.",
    "people:token": "Print an access token, good for one hour, and nothing else.",
    "people:key": "Print the publishable API key, and nothing else: it may stand in a page, who shows it only reads.",
    "doctor:doctor": (
        "Look at everything that must work, with the settings in effect, and say how to mend what does not."
    ),
    "keep:backup": (
        "Put all that cannot be made again into one file, also while the server runs. The secret is in it."
    ),
    "keep:restore": (
        "Make a data folder from a backup, checked to the last byte; the folder must be empty or missing."
    ),
    "people:invite": (
        "Print the link of a new invitation, and nothing else. Whoever makes an account by it is one of the invited."
    ),
    "people:password": (
        "Give somebody another password, typed here or in the first line of standard input.\n\n"
        "Their sign-ins end, those in a running server within seconds."
    ),
    "room_log:log": "The events of rooms on your own NATS servers.",
}
"""Each command's module below `whatssound.cli` with its name in there, and its help, which nothing is loaded for."""


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
    for place, said in COMMANDS.items():
        command.command(f"whatssound.cli.{place}", help=said)

    @command.command(name="config")
    def show(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
        """Print the settings in effect and where each comes from; what it prints can be a whatssound.toml."""
        print(shown(settings, origins.said))  # noqa: T201

    return command
