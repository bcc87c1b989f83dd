"""Tells about the scans of the library: a progress bar where somebody watches, log lines where nobody does."""

import asyncio
import sys
from collections.abc import Callable

import structlog
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from whatssound.audio.rescans import Rescans
from whatssound.audio.scan_state import FolderScan

Tell = Callable[[str], None]
"""Says one line to the person who started the server."""


async def scan_and_tell(rescans: Rescans) -> None:
    """Scan now and whenever it is time, until cancelled; what a scan found is told once it is over."""
    scanning = asyncio.create_task(rescans.run())
    try:
        if sys.stderr.isatty():
            await _watch(rescans)
        else:
            await _report(rescans, structlog.get_logger().info)
    finally:
        scanning.cancel()
        await asyncio.gather(scanning, return_exceptions=True)


async def _watch(rescans: Rescans) -> None:
    columns = (SpinnerColumn(finished_text=" "), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", visible=False)

        def show(states: list[FolderScan]) -> None:
            running = [state for state in states if state.state == "scanning"]
            if running:
                files, new = sum(state.seen for state in running), sum(state.added for state in running)
                text = f"Scanning {running[0].folder}: {files} files, {new} new"
                progress.update(task, description=text, visible=True)
            else:
                progress.update(task, visible=False)

        await _report(rescans, lambda line: progress.console.print(line, soft_wrap=True, markup=False), show)


async def _report(
    rescans: Rescans, tell: Tell, show: Callable[[list[FolderScan]], None] = lambda _states: None
) -> None:
    """Tell of each scan that ends, for ever."""
    told: dict[str, int | None] = {}
    while True:
        step = rescans.next_step()
        states = rescans.states()
        show(states)
        for state in states:
            if state.state in ("done", "failed") and told.get(state.folder) != state.finished_ms:
                told[state.folder] = state.finished_ms
                for line in _lines(state):
                    tell(line)
        await step.wait()


def _lines(state: FolderScan) -> list[str]:
    """A rescan that found nothing new says nothing but what could not be read."""
    lines = [f"Skipped {skipped}" for skipped in state.skipped]
    if state.reason is not None:
        lines.append(f"{state.folder}: {state.reason}")
    if state.state == "failed":
        if state.offline:
            lines.append(f"{state.offline} tracks of {state.folder} are offline until it can be seen again.")
        return lines
    counts = {"new": state.added, "changed": state.changed, "moved": state.moved, "offline": state.offline}
    found = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what in ("new", "changed"))
    lines.append(f"Scanned {state.folder}: {state.seen} files, {found}")
    return lines
