"""How far apart browsers are in the true output, and how soon they are together after a join or a command.

A sound card of our own records what a DJ and two listeners play, each in its own channel; cross-correlation tells how
far apart they are, and what the pages believe of themselves stands beside it. The limits are the product's promises:
20 ms at the 95th percentile outside the 3 s after each command, settled within 3 s. The rig is checked first, and the
bench fails when it does not hear what was planted. `make bench F=sync`
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import sync_playwright

from evening import ANNA, BEN, DJ, Evening
from output.apart import Command, Heard, Log, counted, pages_apart, settled_after_ms
from output.lag import windows
from output.noise import RATE_HZ as NOISE_HZ
from output.noise import pink_noise, write_wav
from output.recorder import Recorder, Recording
from output.sound_card import RATE_HZ, SoundCard, installed
from rig import serving, show

LIMIT_MS = 20
SETTLED_MS = 3_000
PLANTED_MS = 15

PAIRS = {"two listeners": (ANNA, BEN), "DJ and listener A": (DJ, ANNA), "DJ and listener B": (DJ, BEN)}


def main() -> None:
    chromium = shutil.which("chromium")
    if not installed() or chromium is None:
        sys.exit("install pulseaudio, pulseaudio-utils and chromium")
    with SoundCard(inputs=3) as card, tempfile.TemporaryDirectory() as folder:
        check_rig(card, Path(folder))
        before = cpu_times()
        with (
            sync_playwright() as playwright,
            serving() as server,
            Evening.begin(playwright, Path(chromium), card, server) as evening,
        ):
            evening.prepare(Path(folder))
            before = cpu_times()
            with Recorder(card) as recorder:
                evening.play_out()
                log = evening.log()
        report_machine(before)
        recording = recorder.recording()
    print(f"recorded {len(recording.samples) / RATE_HZ:.0f} s, of which lost {recording.lost_ms:.0f} ms")
    for name, pair in PAIRS.items():
        report(name, pair, heard(recording, pair), log, evening)


def check_rig(card: SoundCard, folder: Path) -> None:
    """Play noise whose channels are together, or one of them late; leave if that is not what is heard."""
    noise = pink_noise(3, seed=9)
    late = np.concatenate([np.zeros(round(PLANTED_MS * NOISE_HZ / 1_000)), noise])[: len(noise)]
    for planted_ms, second in ((0, noise), (PLANTED_MS, late)):
        file = write_wav(folder / "check.wav", noise, second)
        with Recorder(card) as recorder:
            subprocess.run(["paplay", "--no-remix", file], env=card.environment(), check=True)
        found = [one.window.apart_ms for one in heard(recorder.recording(), (0, 1)) if one.window.state == "both"]
        found_ms = median(found[3:-3])
        print(f"the rig: {planted_ms} ms planted, {found_ms:.2f} ms heard")
        if abs(found_ms - planted_ms) > 1:
            sys.exit("the rig does not hear what was planted")


def heard(recording: Recording, pair: tuple[int, int]) -> list[Heard]:
    """The windows of two channels, on the clock of the commands."""
    found = windows(recording.channel(pair[0]), recording.channel(pair[1]), RATE_HZ)
    return [Heard(recording.at_ms(window.at_s), window) for window in found]


def report(name: str, pair: tuple[int, int], seen: list[Heard], log: Log, evening: Evening) -> None:
    """All figures of one pair."""
    inside = counted(frozenset(pair), seen, log)
    states = Counter(one.window.state for one in inside)
    print(f"\n{name}: {len(inside)} windows of 0.5 s, of which {dict(states)}")
    true = [abs(one.window.apart_ms) for one in inside]
    for percent in (50, 95, 100):
        show(f"{name}, heard apart", true, limit=LIMIT_MS, percent=percent)
    first, second = (evening.readings[player] for player in pair)
    said = [(one.window, pages_apart(first, second, one.at_ms)) for one in inside]
    both = [(window, in_page) for window, in_page in said if in_page is not None]
    show(f"{name}, apart as the pages say", [abs(in_page) for _, in_page in both], limit=LIMIT_MS, percent=95)
    biases = [window.apart_ms - in_page for window, in_page in both if window.state == "both"]
    print(f"{name}, heard less said: median {median(biases):.1f} ms, {min(biases):.1f} … {max(biases):.1f}")
    report_settling(name, frozenset(pair), seen, log)


def report_settling(name: str, pair: frozenset[int], seen: list[Heard], log: Log) -> None:
    """How soon the pair was together after each join and command."""
    taken: list[tuple[Command, float]] = []
    concerning = [command for command in log.commands if command.players & pair]
    arrived = max(next(c.at_ms for c in log.commands if player in c.players) for player in pair if player != DJ)
    for command, following in zip(concerning, [*concerning[1:], None], strict=True):
        if command.at_ms >= arrived:
            until_ms = log.ends_ms if following is None else following.at_ms
            taken.append((command, settled_after_ms(command, seen, until_ms)))
    show(f"{name}, settled", [ms for _, ms in taken], limit=SETTLED_MS, percent=95)
    for what in dict.fromkeys(command.what for command, _ in taken):
        print(f"    {what:<8}", " ".join(f"{ms / 1_000:.1f}" for command, ms in taken if command.what == what), "s")


def cpu_times() -> Sequence[int]:
    """What the kernel has counted: user, nice, system, idle, iowait, irq, softirq, steal."""
    return [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]


def report_machine(before: Sequence[int]) -> None:
    """How busy the machine was meanwhile; figures taken beside other work are not worth much."""
    spent = [now - then for now, then in zip(cpu_times(), before, strict=True)]
    busy, stolen = 1 - (spent[3] + spent[4]) / sum(spent), spent[7] / sum(spent)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"the machine: {os.cpu_count()} cores, busy {busy:.0%}, stolen {stolen:.0%}, load {load}")


if __name__ == "__main__":
    main()
