"""Large libraries out of few files: really tagged ones, hard-linked under many artists and albums."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from library_folder import FORMATS, Music

TITLES: Final = (
    *(
        "Corazón Partío",
        "La Flaca",
        "Mediterráneo",
        "Entre dos aguas",
        "El niño yuntero",
        "Año nuevo",
        "Canción de otoño",
    ),
    *(
        "Love Is a Long Road",
        "The River",
        "Blue in Green",
        "All of Me",
        "Night Drive",
        "Summer Rain",
        "Hey You",
        "Home",
    ),
    *("Hoppípolla", "Jóga", "Straße der Nacht", "Ночь", "夜に駆ける"),
)
ARTISTS: Final = (
    "Alejandro Sanz",
    "Jarabe de Palo",
    "Paco de Lucía",
    "Björk",
    "Sigur Rós",
    "The Band",
    "Nina",
    "YOASOBI",
)
PER_ALBUM: Final = 10


def stock(music: Music, folder: Path, count: int) -> list[Path]:
    """`count` different files. Every fifth has no artist and no album: its place says those."""
    files: list[Path] = []
    for n in range(count):
        tags = {"title": f"{TITLES[n % len(TITLES)]} {n // len(TITLES) + 1}", "tracknumber": n % PER_ALBUM + 1}
        if n % 5:
            artist = ARTISTS[n % len(ARTISTS)]
            tags |= {"artist": artist, "album": f"Album {n // PER_ALBUM}", "albumartist": artist, "date": 1960 + n % 60}
        target = folder / f"{n:04d}.{FORMATS[n % len(FORMATS)]}"
        files.append(music.file(target, pitch_hz=200.0 + n % 8, **tags))
    return files


def linked(files: list[Path], folder: Path, count: int) -> None:
    """`count` hard links to the files, ten in an album, ten albums in an artist's folder."""
    places = _places(folder)
    for place, file in itertools.islice(zip(places, itertools.cycle(files), strict=False), count):
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, place.with_suffix(file.suffix))


def _places(folder: Path) -> Iterator[Path]:
    for n in itertools.count():
        artist, album, track = n // (PER_ALBUM * 10), n // PER_ALBUM % 10, n % PER_ALBUM
        yield folder / f"Artist {artist:03d}" / f"Álbum {album} (19{60 + album})" / f"{track + 1:02d} Track"
