"""Scans the folders of music at start, with a progress bar where somebody watches."""

import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from whatssound.audio.library import Library
from whatssound.audio.scan import ScanProgress
from whatssound.wire.errors import Refusal


async def scan_folders(library: Library, folders: Sequence[Path]) -> None:
    """Scan one folder after another; one that cannot be read is reported and does not stop the others."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        for folder in folders:
            await _scan(library, folder, progress, progress.add_task(f"Scanning {folder}", total=None))


async def _scan(library: Library, folder: Path, progress: Progress, task: TaskID) -> None:
    log = structlog.get_logger()

    def show(now: ScanProgress) -> None:
        progress.update(task, description=f"Scanning {folder}: {now.seen} files, {now.added} new")

    try:
        found = await library.scan(folder, show)
    except Refusal as refusal:
        log.error(refusal.message, folder=str(folder))
        progress.update(task, description=f"{folder}: {refusal.message}", total=1, completed=1)
        return
    progress.update(task, description=f"{folder}: {found.seen} files, {found.added} new", total=1, completed=1)
    log.info("scanned", folder=str(folder), files=found.seen, new=found.added, changed=found.changed)
    for skipped in found.skipped:
        log.warning("skipped", what=skipped)
