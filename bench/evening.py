"""An evening in short: a DJ and two listeners, each in a browser of its own, with all that happens in a room."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from playwright.sync_api import Browser, Playwright

from e2e.people import PATIENCE_MS, Person, dj, listener, open_room, queue, upload
from output.apart import Command, Log, Reading, What
from output.browsers import hearing
from output.noise import noise_wav
from output.sound_card import SoundCard
from servers import ServerProcess

DJ, ANNA, BEN = range(3)
EVERYBODY = frozenset((DJ, ANNA, BEN))

LONG_S, SHORT_S = 60, 30
ROUNDS = 4
GAP_S = 5.5
"""Between two commands: the grace, and as much again to be measured."""
PAUSE_S = 2.5
ENCODED_S = 180

SAMPLER = """
if (window === top) {
  window.readings = [];
  setInterval(() => {
    const p = window.whatssound?.probe();
    if (p && p.playing && p.entryId) {
      readings.push([p.serverNowMs, p.positionMs, p.entryId, p.errMs ?? 1e9, Date.now() - p.serverNowMs]);
    }
  }, 100);
}
"""
"""The page notes ten times a second where it believes to be."""


def now_ms() -> float:
    """The clock of the server, which runs on this machine, of the pages and of the recording."""
    return time.time() * 1_000


@dataclass
class Evening:
    """Three people in a room that plays noise, and what they did when."""

    server: ServerProcess
    browsers: list[Browser]
    commands: list[Command] = field(default_factory=list)
    absences: list[tuple[int, float, float]] = field(default_factory=list)
    readings: dict[int, list[Reading]] = field(default_factory=lambda: {n: [] for n in EVERYBODY})
    people: dict[int, Person] = field(default_factory=dict)
    address: str = ""
    began_ms: float = 0.0

    @classmethod
    @contextmanager
    def begin(cls, playwright: Playwright, chromium: Path, card: SoundCard, server: ServerProcess) -> Iterator[Self]:
        """Three browsers, each playing into an input of its own."""
        with ExitStack() as stack:
            browsers = [stack.enter_context(hearing(playwright, chromium, card, n)) for n in sorted(EVERYBODY)]
            evening = cls(server, browsers)
            yield evening

    def prepare(self, folder: Path) -> None:
        """The DJ opens a room, and everything is encoded before anything is measured."""
        host = self.people[DJ] = dj(self.browsers[DJ], self.server)
        host.context.add_init_script(SAMPLER)
        self.address = open_room(host, "Bench")
        upload(
            host,
            noise_wav(folder / "long.wav", seconds=LONG_S, seed=1),
            noise_wav(folder / "short.wav", seconds=SHORT_S, seed=2),
        )
        for _ in range(ROUNDS):
            queue(host, "long")
            queue(host, "short")
        queue(host, "long")
        self._until_encoded()
        host.page.reload()
        host.part("play").wait_for()

    def play_out(self) -> None:
        """Every kind of command, over and over, from a room that plays and has everybody in it."""
        self.people[DJ].part("play").click()
        self.people[DJ].hears()
        self.began_ms = now_ms()
        self.come(ANNA)
        self.come(BEN)
        for _ in range(ROUNDS):
            self.seek(5, LONG_S)
            self.come(BEN)
            self.press("pause", "pause", PAUSE_S)
            self.press("play", "resume")
            self.come_back(ANNA)
            self.press("skip", "skip")
            self.change_by_itself()
        for player in EVERYBODY:
            self.collect(player)

    def log(self) -> Log:
        """What happened until now."""
        return Log(self.commands, self.absences, self.began_ms, now_ms())

    # What people do

    def come(self, player: int) -> None:
        """Join as somebody new, having left if need be."""
        left_ms = now_ms() if player in self.people else 0.0
        if player in self.people:
            self.collect(player)
            self.people[player].close()
        person = self.people[player] = listener(self.browsers[player])
        person.context.add_init_script(SAMPLER)
        person.open(self.address)
        self._listen(player, left_ms)

    def come_back(self, player: int) -> None:
        """Leave, and return in a browser that has learned how long things take."""
        left_ms = now_ms()
        person = self.people[player]
        self.collect(player)
        person.page.close()
        person.page = person.context.new_page()
        person.open(self.address)
        self._listen(player, left_ms)

    def seek(self, to_s: float, of_s: float) -> None:
        """The DJ jumps within the track."""
        slider = self.people[DJ].part("seek")
        box = slider.bounding_box()
        assert box is not None
        at_ms = now_ms()
        slider.click(position={"x": box["width"] * to_s / of_s, "y": box["height"] / 2})
        self.did("seek", EVERYBODY, at_ms=at_ms)

    def press(self, button: str, what: What, gap_s: float = GAP_S) -> None:
        """The DJ presses a button of the console."""
        part = self.people[DJ].part(button)
        part.wait_for()
        at_ms = now_ms()
        part.evaluate("button => button.click()")
        self.did(what, EVERYBODY, at_ms=at_ms, gap_s=gap_s)

    def change_by_itself(self) -> None:
        """The DJ jumps to shortly before the end, and the next track begins by itself."""
        lead_s = 6.5
        self.seek(SHORT_S - lead_s, SHORT_S)
        probe = self.people[DJ].probe()
        at_ms = probe["serverNowMs"] + SHORT_S * 1_000 - probe["positionMs"]
        time.sleep(max(0.0, (at_ms - now_ms()) / 1_000))
        self.did("change", EVERYBODY, at_ms=at_ms)

    def did(self, what: What, players: frozenset[int], *, at_ms: float | None = None, gap_s: float = GAP_S) -> None:
        """Note a command, and let time pass."""
        self.commands.append(Command(what, now_ms() if at_ms is None else at_ms, players))
        self.people[DJ].page.wait_for_timeout(gap_s * 1_000)

    def collect(self, player: int) -> None:
        """Take what the page has noted, before it is gone."""
        noted = self.people[player].page.evaluate("() => window.readings ?? []")
        self.readings[player] += [Reading(*reading) for reading in noted]

    # How it is done

    def _listen(self, player: int, left_ms: float) -> None:
        button = self.people[player].part("listen")
        button.wait_for(timeout=PATIENCE_MS)
        at_ms = now_ms()
        button.click()
        self.absences.append((player, left_ms, at_ms))
        self.did("join", frozenset((player,)), at_ms=at_ms)

    def _until_encoded(self) -> None:
        ends = time.monotonic() + ENCODED_S
        token = self.server.token("owner")
        while True:
            tracks = self.server.call("GET", "/v1/tracks", token=token)["tracks"]
            if len(tracks) >= 2 and all(track["status"] == "ready" for track in tracks):
                return
            if time.monotonic() > ends:
                raise RuntimeError(f"not encoded after {ENCODED_S} s: {[t['status'] for t in tracks]}")
            time.sleep(0.5)
