"""The rig that listens to browsers hears what it should: checked where the answer is known."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from playwright.sync_api import Page, Playwright

from conftest import need
from output.browsers import hearing
from output.lag import Window, windows
from output.noise import noise_wav
from output.recorder import Recorder, Recording
from output.sound_card import RATE_HZ, SoundCard, installed

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PLANTED_MS = 15
TIMES = 4

ADVICE = "install pulseaudio and pulseaudio-utils: they record what browsers play"

PLAYER = """<!doctype html><button>play</button><script>
const context = new AudioContext({ latencyHint: "playback" });
const later = new DelayNode(context, { delayTime: 0 });
const noise = new AudioBufferSourceNode(context);
noise.connect(later).connect(context.destination);
const ready = fetch("/noise.wav").then((file) => file.arrayBuffer())
  .then((bytes) => context.decodeAudioData(bytes)).then((music) => { noise.buffer = music; });
document.querySelector("button").onclick = () => context.resume().then(() => noise.start());
const delay = (ms) => { later.delayTime.value = ms / 1000; };
</script>"""
"""Plays a file, and can be made later by so many ms exactly."""


@pytest.fixture
def card() -> Iterator[SoundCard]:
    need("pulseaudio", installed(), ADVICE)
    with SoundCard(inputs=2) as card:
        yield card


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    return noise_wav(tmp_path / "noise.wav", seconds=40, seed=1)


def seen(recording: Recording) -> list[Window]:
    return windows(recording.channel(0), recording.channel(1), RATE_HZ)


def test_one_file_in_all_channels_is_together(card: SoundCard, tmp_path: Path) -> None:
    noise = noise_wav(tmp_path / "short.wav", seconds=3, seed=2)
    with Recorder(card) as recorder:
        subprocess.run(["paplay", noise], env=card.environment(), check=True)
    heard = [window for window in seen(recorder.recording()) if window.state != "silent"]
    inside = heard[3:-3]
    assert len(inside) > 15
    assert max(abs(window.apart_ms) for window in inside) <= 1


def test_both_inputs_take_the_same_time(tmp_path: Path) -> None:
    """A stream that is moved from one input to another stays where it was beside a steady one."""
    need("pulseaudio", installed(), ADVICE)
    noise = noise_wav(tmp_path / "short.wav", seconds=6, seed=3)
    with SoundCard(inputs=3) as card, Recorder(card) as recorder:
        players = [subprocess.Popen(["paplay", noise], env=card.environment(n)) for n in (0, 2)]
        time.sleep(2.5)
        card.move(players[0].pid, into=1)
        for player in players:
            player.wait()
    steady = recorder.recording()
    before, after = (
        [w.apart_ms for w in windows(steady.channel(n), steady.channel(2), RATE_HZ) if w.state == "both"]
        for n in (0, 1)
    )
    assert len(before) > 10
    assert len(after) > 10
    assert abs(median(before) - median(after)) <= 1


def test_a_browser_that_is_made_15_ms_later_is_found_15_ms_later(
    playwright: Playwright, chromium: Path, card: SoundCard, noise: Path
) -> None:
    """Several times: on a busy machine the browser itself may stumble between two looks."""
    with hearing(playwright, chromium, card, 0) as first, hearing(playwright, chromium, card, 1) as second:
        pages = [player(browser.new_page(), noise) for browser in (first, second)]
        with Recorder(card) as recorder:
            for page in pages:
                page.get_by_role("button").click()
            planted = [plant(pages[1], ms) for ms in (0, PLANTED_MS) * TIMES]
    recording = recorder.recording()
    found = [(recording.at_ms(w.at_s), w.apart_ms) for w in seen(recording) if w.state == "both"]
    steps = []
    for at_ms, sign in zip(planted[1:], (1, -1) * TIMES, strict=False):
        before = [apart_ms for t, apart_ms in found if -1_000 < t - at_ms < -350]
        after = [apart_ms for t, apart_ms in found if 350 < t - at_ms < 1_000]
        if before and after:
            steps.append(sign * (median(after) - median(before)))
    assert len(steps) >= TIMES
    assert abs(median(steps) - PLANTED_MS) <= 2


def plant(page: Page, ms: float) -> float:
    """Make the page's sound later; when that was, in Unix ms."""
    page.evaluate(f"delay({ms})")
    at_ms = time.time() * 1_000
    time.sleep(1.5)
    return at_ms


def player(page: Page, noise: Path) -> Page:
    page.route("**/noise.wav", lambda route: route.fulfill(path=noise, content_type="audio/wav"))
    page.route("**/player", lambda route: route.fulfill(body=PLAYER, content_type="text/html"))
    page.goto("http://laptop.test/player")
    page.evaluate("() => ready")
    return page
