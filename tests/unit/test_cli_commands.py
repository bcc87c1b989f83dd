"""The command line's table of commands."""

import importlib
import inspect
import subprocess
import sys

import pytest
from cyclopts import App

from whatssound.cli.commands import COMMANDS


@pytest.mark.parametrize("place", COMMANDS)
def test_a_command_says_of_itself_what_the_list_says_of_it(place: str) -> None:
    module, _, name = place.partition(":")
    command = getattr(importlib.import_module(f"whatssound.cli.{module}"), name)
    said = command.help if isinstance(command, App) else inspect.getdoc(command)
    assert said == COMMANDS[place]


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["serve", "--help"], {"alembic", "numpy", "soundfile", "whatssound.doctor", "whatssound.backup"}),
        (["token", "--help"], {"litestar", "numpy", "alembic", "uvicorn", "picows"}),
        (["--help"], {"litestar", "numpy", "alembic", "sqlalchemy", "nats"}),
    ],
)
def test_a_command_loads_what_it_needs_and_no_more(arguments: list[str], unwanted: set[str]) -> None:
    look = f"import sys; sys.argv[1:] = {arguments}; from whatssound.cli import main"
    ended = "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", f"{look}\n{ended}"], capture_output=True, text=True, check=True)
    assert unwanted.isdisjoint(done.stderr.split())
