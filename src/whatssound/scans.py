"""Scans the folders of music at start: a progress bar where somebody watches, log lines where nobody does."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from whatssound.audio.library import Library
from whatssound.audio.scan import ScanProgress
from whatssound.wire.errors import Refusal

Tell = Callable[[str], None]
"""Says one line to the person who started the server."""


async def scan_folders(library: Library, folders: Sequence[Path]) -> None:
    """Scan one folder after another; one that cannot be read is reported and does not stop the others."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        log = structlog.get_logger()
        for folder in folders:
            await _scan(library, folder, lambda _: None, log.info)
        return
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), BarColumn(24), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        for folder in folders:
            task = progress.add_task(f"Scanning {folder}", total=None)

            def show(now: ScanProgress, folder: Path = folder, task: TaskID = task) -> None:
                progress.update(task, description=f"Scanning {folder}: {now.seen} files, {now.added} new")

            await _scan(library, folder, show, lambda line: progress.console.print(line, soft_wrap=True, markup=False))
            progress.remove_task(task)


async def _scan(library: Library, folder: Path, show: Callable[[ScanProgress], None], tell: Tell) -> None:
    try:
        found = await library.scan(folder, show)
    except Refusal as refusal:
        tell(refusal.message)
        return
    for skipped in found.skipped:
        tell(f"Skipped {skipped}")
    tell(f"Scanned {folder}: {found.seen} files, {found.added} new, {found.changed} changed")
