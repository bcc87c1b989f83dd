"""The command `whatssound`: reads the command line, starts processes, and says in one line what went wrong."""

import sys
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from cyclopts import CycloptsError, UnknownOptionError

from whatssound.cli.commands import build
from whatssound.cli.loading import loading
from whatssound.config import StartError
from whatssound.wire.errors import Refusal


def main() -> None:
    """Run the command line; an error that has an answer is one line on standard error and status 1."""
    try:
        _loaded(sys.argv[1:])()
    except CycloptsError as problem:
        fail(said(problem))
    except (StartError, Refusal) as problem:
        fail(problem.message if isinstance(problem, Refusal) else str(problem))
    except OSError as problem:  # a disk that filled up while the server started, for instance
        fail(f"The operating system refused: {problem.strerror or problem}. Make room or mend permissions; try again.")
    except KeyboardInterrupt:
        sys.exit(130)


def _loaded(arguments: list[str]) -> Callable[[], object]:
    """The command, with what was said of its settings."""
    with loading():
        command, bound, _ = build().parse_args(arguments, exit_on_error=False, print_error=False)
    return partial(command, *bound.args, **bound.kwargs)


def said(problem: CycloptsError) -> str:
    """What is wrong with a setting or a command, where it stands, and what is allowed."""
    advice = " `whatssound config` prints every setting." if isinstance(problem, UnknownOptionError) else ""
    return " ".join(str(problem).split()) + advice


def fail(line: str) -> NoReturn:
    """Say `line` on standard error and leave with status 1."""
    sys.stderr.write(f"whatssound: {line}\n")
    sys.exit(1)
