"""`whatssound backup` and `whatssound restore`."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from whatssound.backup import restore as restored_from
from whatssound.backup import write_backup
from whatssound.cli.settings import QuietSettings
from whatssound.config import Config
from whatssound.config.sizes import about


def backup(
    file: Annotated[Path, Parameter(help="Where to: a name that ends in .tar.gz, or .tar to leave it uncompressed.")],
    /,
    *,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Put all that cannot be made again into one file, also while the server runs. The secret is in it."""
    with _progress("Saving") as progress:
        task = progress.add_task("")
        manifest = write_backup(
            settings.data,
            file,
            now_ms=time.time() * 1_000,
            on_total=lambda total: progress.update(task, total=total),
            on_bytes=lambda count: progress.advance(task, count),
        )
    size = about(file.stat().st_size)
    _say(
        f"Saved {len(manifest.files):,} files of {settings.data} in {file} ({size}). It holds the secret: keep it safe."
    )


def restore(
    file: Annotated[Path, Parameter(help="A file that `whatssound backup` made.")],
    /,
    *,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Make a data folder from a backup, checked to the last byte; the folder must be empty or missing."""
    with _progress("Restoring") as progress:
        task = progress.add_task("")
        manifest = restored_from(
            file,
            settings.data,
            on_total=lambda total: progress.update(task, total=total),
            on_bytes=lambda count: progress.advance(task, count),
        )
    _say(
        f"Restored {len(manifest.files):,} files into {settings.data}. "
        f"Start it: whatssound serve --data {settings.data}. Music is encoded anew when it is wanted."
    )


@contextmanager
def _progress(what: str) -> Generator[Progress]:
    """A bar on standard error, at a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
