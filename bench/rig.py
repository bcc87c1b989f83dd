"""What the browser benches share: a server, a browser, and how a figure is shown beside its limit."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from e2e.conftest import FLAGS
from servers import ServerProcess

PLAYING = """
async button => {
  const start = performance.now();
  document.querySelector(`[data-testid=${button}]`).click();
  while (!window.whatssound?.probe()?.playing) {
    if (performance.now() - start > 20000) throw new Error("no sound after 20 s");
    await new Promise(requestAnimationFrame);
  }
  return performance.now() - start;
}
"""
"""Clicks a button and answers the ms until the media clock runs."""


@contextmanager
def serving(*arguments: str) -> Iterator[ServerProcess]:
    """A server on a data folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder, ServerProcess(Path(folder) / "data", *arguments) as server:
        yield server


@contextmanager
def browsing() -> Iterator[Browser]:
    """A real Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def show(what: str, values: Sequence[float], *, limit: float, percent: int = 50, unit: str = "ms") -> None:
    """One line: the figure, its range, the limit, and the ratio of both."""
    figure = statistics.median(values) if percent == 50 else percentile(values, percent)
    spread = f"{min(values):.1f}-{max(values):.1f}"
    name = "median" if percent == 50 else f"p{percent}"
    print(
        f"{what:<52} {name} {figure:8.1f} {unit}  (n={len(values)}, {spread})  limit {limit:g}  x{figure / limit:.2f}",
        flush=True,
    )
