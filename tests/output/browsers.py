"""Browsers whose sound goes into a sound card of ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright

from e2e.conftest import FLAGS
from output.sound_card import SoundCard


@contextmanager
def hearing(playwright: Playwright, chromium: Path, card: SoundCard, into: int) -> Iterator[Browser]:
    """A Chromium of its own process that plays into one input of the card."""
    browser = playwright.chromium.launch(
        executable_path=str(chromium),
        args=FLAGS,
        ignore_default_args=["--mute-audio"],
        env=dict(card.environment(into)),
    )
    yield browser
    browser.close()
