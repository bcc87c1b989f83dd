"""Three short pieces, composed for the demo room: a porch at night, a balcony at noon, a tide pool at dawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from whatssound.adapters.media.synth import pictures
from whatssound.adapters.media.synth.instruments import (
    Samples,
    banded,
    bass,
    bell,
    clap,
    electric_piano,
    faded,
    kick,
    noise_stroke,
    pad,
    snare,
    stab,
)
from whatssound.adapters.media.synth.mix import Desk, Room


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the demo: what its tags say, its music, its cover."""

    title: str
    play: Callable[[], Samples]
    cover: Callable[[], bytes]


def porch_light() -> Samples:
    """Lo-fi at 78 beats: electric piano over Fmaj9, Em7, Dm9, Cmaj9; swung brushes; a record that crackles."""
    desk = Desk(78, 64, 3.5)
    chords = ((53, 57, 60, 64, 67), (52, 55, 59, 62, 67), (50, 53, 57, 60, 64), (48, 52, 55, 59, 62))
    roots = (41, 40, 38, 36)
    random = np.random.default_rng(78)
    for bar in range(15):
        chord = chords[bar % 4]
        for beat, length, touch in ((0.0, 2.4, 0.9), (1.66, 1.2, 0.55), (2.66, 1.6, 0.7)):
            for n, note in enumerate(chord):
                late = 0.018 * n + 0.012 * random.random()
                sound = electric_piano(note, desk.seconds(length), touch)
                desk.put("keys", 4 * bar + beat + late, sound, 0.5 + 0.2 * touch, pan=(n - 2) * 0.22)
        if bar >= 2:
            _porch_bass(desk, bar, roots[bar % 4], roots[(bar + 1) % 4])
        if 2 <= bar < 14:
            _porch_drums(desk, bar)
    _porch_melody(desk)
    for n, note in enumerate((48, 52, 55, 59, 62, 67)):
        desk.put("keys", 60 + 0.06 * n, electric_piano(note, 5.0, 0.8), 0.7, pan=(n - 2.5) * 0.2)
    desk.put("bass", 60, bass(36, 3.5), 0.8)
    _crackle(desk)
    desk.duck("keys", [4.0 * bar + beat for bar in range(2, 14) for beat in (0, 1.66, 2.5)], 0.22, 0.2)
    desk["keys"][:] = banded(desk["keys"], 90, 6_000)
    return desk.master(
        {"keys": 0.62, "bass": 0.62, "drums": 0.72, "melody": 0.6, "dust": 0.8},
        Room(1.5, dull_hz=4_500),
        {"keys": 0.16, "melody": 0.35, "drums": 0.07},
    )


def _porch_bass(desk: Desk, bar: int, root: int, coming: int) -> None:
    for beat, note, length in (
        (0.0, root, 1.5),
        (1.66, root + 7, 0.6),
        (2.66, root + 12, 0.5),
        (3.33, coming + 2, 0.55),
    ):
        desk.put("bass", 4 * bar + beat, bass(note, desk.seconds(length)), 0.85)


def _porch_drums(desk: Desk, bar: int) -> None:
    for beat in (0.0, 1.66, 2.5):
        desk.put("drums", 4 * bar + beat, kick(44, 0.15), 0.95 if beat == 0 else 0.75)
    for beat in (1.02, 3.02):
        desk.put("drums", 4 * bar + beat, snare(bar), 0.8, pan=0.05)
    for eighth in range(8):
        swung = eighth / 2 + (0.16 if eighth % 2 else 0.0)
        hat = noise_stroke(100 + eighth, 0.09, 6_000, 15_000, 60 if eighth % 4 else 38)
        desk.put("drums", 4 * bar + swung, hat, 0.36 if eighth % 2 else 0.24, pan=0.3)
    if bar % 4 == 1:
        desk.put("drums", 4 * bar + 3.66, snare(bar + 50, 210), 0.3, pan=-0.15)


def _porch_melody(desk: Desk) -> None:
    phrase = ((0.0, 76, 1.2), (1.33, 79, 0.6), (2.0, 81, 1.6), (4.0, 79, 0.6), (4.66, 76, 1.0), (6.0, 74, 1.6))
    reply = ((0.33, 72, 0.6), (1.0, 74, 0.6), (1.66, 76, 1.8), (4.0, 71, 0.6), (4.66, 74, 0.6), (5.33, 72, 2.6))
    for start, notes in ((16, phrase), (24, reply), (32, phrase), (40, reply), (50, reply[:3])):
        for beat, note, length in notes:
            desk.put("melody", start + beat, electric_piano(note, desk.seconds(length) + 0.5, 0.5), 0.9, pan=-0.2)
    desk.echo("melody", 1.0, 0.35, 2)


def _crackle(desk: Desk) -> None:
    random = np.random.default_rng(33)
    track = desk["dust"]
    count = track.shape[1]
    clicks = np.zeros((2, count), np.float32)
    places = random.integers(0, count, 700)
    clicks[random.integers(0, 2, 700), places] = random.random(700).astype(np.float32) ** 3
    hiss = random.standard_normal((2, count)).astype(np.float32) * np.float32(0.006)
    track += 0.6 * banded(clicks, 1_200, 9_000) + banded(hiss, 500, 7_000)


def balcony_at_noon() -> Samples:
    """House at 122 beats: stabs over Bm9, Gmaj9, D, A; a bass that answers the kick; a break to look at the sea."""
    desk = Desk(122, 108, 2.4)
    chords = ((59, 62, 66, 69, 73), (55, 59, 62, 66, 69), (57, 62, 66, 69, 74), (57, 61, 64, 69, 71))
    roots = (35, 31, 38, 33)
    kicks: list[float] = []
    for bar in range(26):
        chord, root = chords[bar % 4], roots[bar % 4]
        is_break = 12 <= bar < 16
        bright = 0.5 + 0.3 * bar if bar < 5 else (2.4 if is_break else 2.0)
        _balcony_stabs(desk, bar, chord, bright)
        if not is_break:
            kicks += [4.0 * bar + beat for beat in range(4)]
            _balcony_drums(desk, bar)
        if bar >= 4 and not is_break:
            _balcony_bass(desk, bar, root)
        if is_break or bar >= 16:
            for n, note in enumerate(chord[1:4]):
                desk.put("pad", 4 * bar, faded(pad(note, desk.seconds(4.4), bar * 8 + n), 0.3, 0.4), 0.3)
        if is_break or 16 <= bar < 24:
            _balcony_lead(desk, bar, chord)
    for beat in kicks:
        desk.put("drums", beat, kick(48, 0.4), 1.0)
    _balcony_rise(desk)
    desk.put("bass", 104, bass(35, 2.5), 0.8)
    for n, note in enumerate((47, 59, 62, 66, 69, 73)):
        desk.put("stabs", 104, stab(note, 2.4, 1.2), 0.4, pan=(n - 2.5) * 0.15)
    for name, depth in (("stabs", 0.65), ("pad", 0.8), ("bass", 0.55), ("lead", 0.35)):
        desk.duck(name, kicks, depth)
    desk.echo("lead", 0.75, 0.45, 4)
    return desk.master(
        {"stabs": 0.62, "bass": 0.52, "drums": 0.74, "pad": 0.7, "lead": 0.45, "rise": 0.3},
        Room(1.8, dull_hz=8_000),
        {"stabs": 0.22, "lead": 0.4, "pad": 0.25, "drums": 0.04, "rise": 0.3},
    )


def _balcony_stabs(desk: Desk, bar: int, chord: tuple[int, ...], bright: float) -> None:
    for beat, level in ((0.0, 0.55), (0.75, 0.42), (1.5, 0.55), (2.75, 0.46), (3.5, 0.4)):
        for n, note in enumerate(chord):
            desk.put("stabs", 4 * bar + beat, stab(note, 0.42, bright), level * 0.55, pan=(n - 2) * 0.12)


def _balcony_drums(desk: Desk, bar: int) -> None:
    for beat in (1.0, 3.0):
        desk.put("drums", 4 * bar + beat, clap(7 + bar % 2), 0.75)
    for beat in range(4):
        desk.put("drums", 4 * bar + beat + 0.5, noise_stroke(40 + beat, 0.16, 6_500, 16_000, 24), 0.5, pan=0.15)
    if bar >= 2:
        for sixteenth in range(16):
            shaker = noise_stroke(60 + sixteenth % 4, 0.05, 5_000, 12_000, 70)
            desk.put("drums", 4 * bar + sixteenth / 4, shaker, (0.22, 0.1, 0.17, 0.12)[sixteenth % 4], pan=-0.4)


def _balcony_bass(desk: Desk, bar: int, root: int) -> None:
    for beat, step, length in (
        (0.5, 0, 0.4),
        (1.0, 0, 0.22),
        (1.75, 12, 0.3),
        (2.5, 0, 0.45),
        (3.25, 7, 0.24),
        (3.5, 10, 0.4),
    ):
        desk.put("bass", 4 * bar + beat, bass(root + step, desk.seconds(length) + 0.06, 2.2), 0.9)


def _balcony_lead(desk: Desk, bar: int, chord: tuple[int, ...]) -> None:
    order = (0, 2, 4, 3, 1, 4, 2, 3)
    for n, place in enumerate(order):
        desk.put("lead", 4 * bar + n / 2 + 0.25, bell(chord[place] + 12, 0.8), 0.7, pan=0.5 if n % 2 else -0.5)


def _balcony_rise(desk: Desk) -> None:
    """Two bars of wind before the drums come back."""
    length_s = desk.seconds(8)
    wind = noise_stroke(9, length_s, 700, 9_000, 0.01)
    desk.put("rise", 56, wind * np.linspace(0, 1, len(wind), dtype=np.float32) ** 2, 0.7)
    desk.put("rise", 64, noise_stroke(10, 2.0, 3_000, 14_000, 2.2), 0.8)


def tide_glass() -> Samples:
    """Ambient: choirs over Ebmaj9, Cm11, Abmaj9, Bb; glass bells that answer themselves; water."""
    desk = Desk(60, 54, 4.5)
    chords = (
        (39, 55, 58, 62, 65, 70),
        (36, 55, 58, 63, 65, 70),
        (32, 56, 60, 63, 67, 70),
        (34, 53, 58, 62, 65, 72),
        (36, 55, 60, 63, 67, 70),
        (32, 56, 60, 63, 67, 72),
        (39, 55, 58, 62, 67, 70),
    )
    for n, (root, *notes) in enumerate(chords):
        beat = 7.5 * n
        for m, note in enumerate(notes):
            choir = faded(pad(note, 10.5, 10 * n + m, darkness=1.1), 2.6, 3.2)
            desk.put("choir", beat, choir, 0.42, pan=(m - 2) * 0.3)
        desk.put("low", beat, faded(pad(root, 10.0, 500 + n, darkness=1.9, blur=0.003), 1.8, 3.0), 0.9)
        _tide_bells(desk, beat, tuple(notes), n)
    _water(desk)
    desk.echo("bells", 0.75, 0.6, 6)
    return desk.master(
        {"choir": 0.5, "low": 0.36, "bells": 0.46, "water": 0.34},
        Room(4.2, dull_hz=7_000, seed=11),
        {"choir": 0.45, "bells": 0.9, "low": 0.1, "water": 0.3},
    )


def _tide_bells(desk: Desk, beat: float, notes: tuple[int, ...], turn: int) -> None:
    figures = ((0, 2, 4, 3), (4, 2, 3, 1), (1, 3, 4, 2))
    figure = figures[turn % 3]
    for n, place in enumerate(figure):
        at = beat + 0.75 + n * (0.75 if turn % 2 else 1.125)
        desk.put("bells", at, bell(notes[place] + 12, 3.0), 0.75 - 0.1 * n, pan=(-0.6, 0.4, -0.2, 0.6)[n])
    if turn >= 2:
        desk.put("bells", beat + 5.25, bell(notes[-1] + 12, 3.0), 0.5, pan=0.1)


def _water(desk: Desk) -> None:
    random = np.random.default_rng(4)
    track = desk["water"]
    count = track.shape[1]
    noise = banded(random.standard_normal((2, count)).astype(np.float32), 250, 1_800)
    t = np.arange(count, dtype=np.float32) / 44_100
    swell = np.stack([0.5 - 0.5 * np.cos(2 * np.pi * t / 7.5), 0.5 - 0.5 * np.cos(2 * np.pi * (t + 1.1) / 7.5)])
    track += 0.35 * noise * (0.12 + swell.astype(np.float32) ** 2)


PIECES: Final = {
    "porch-light": Piece("Porch Light", porch_light, pictures.porch_light),
    "balcony-at-noon": Piece("Balcony at Noon", balcony_at_noon, pictures.balcony_at_noon),
    "tide-glass": Piece("Tide Glass", tide_glass, pictures.tide_glass),
}

ARTIST: Final = "The House Band"
ALBUM: Final = "First Night"
