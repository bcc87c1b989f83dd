"""Which of the tracks that vanished a new file is. Pure.

A wrong answer gives a track's history to other music, so every answer needs evidence in the music or in the tags; a
path only decides between copies. A track whose file is still there is never offered here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from whatssound.audio.search import folded
from whatssound.ids import TrackId

SAME_MUSIC_MS: Final = 500
"""Two encodes of one recording may differ so much in length: MP3 adds up to 50 ms, a lead-out cut a little more."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A track whose file vanished."""

    id: TrackId
    path: str
    size_bytes: int
    mtime_ns: int
    title: str
    artist: str | None
    album: str | None
    duration_ms: int
    sound: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file at a path that is new. Titles and so on are what its track will have."""

    path: str
    size_bytes: int
    mtime_ns: int
    title: str
    artist: str | None
    album: str | None
    duration_ms: int
    sound: str | None


class Moves:
    """Finds the vanished track for a new file; each is given once."""

    def __init__(self, lost: Iterable[Lost]) -> None:
        self._by_file: dict[object, dict[TrackId, Lost]] = {}
        self._by_sound: dict[object, dict[TrackId, Lost]] = {}
        self._by_tags: dict[object, dict[TrackId, Lost]] = {}
        for track in lost:
            for index, key in self._keys(track):
                index.setdefault(key, {})[track.id] = track

    def claim(self, arrival: Arrival) -> Lost | None:
        """The track that `arrival` continues, which is not offered again; None when it is new music."""
        found = self._same_file(arrival) or self._same_sound(arrival) or self._same_tags(arrival)
        if found is not None:
            self.forget(found)
        return found

    def forget(self, track: Lost) -> None:
        """Do not offer it any more."""
        for index, key in self._keys(track):
            index.get(key, {}).pop(track.id, None)

    def _same_file(self, arrival: Arrival) -> Lost | None:
        """Moved: size and time to the nanosecond, and the music or the tags agree as well."""
        candidates = self._by_file.get((arrival.size_bytes, arrival.mtime_ns), {}).values()
        return _nearest(arrival, [track for track in candidates if _agree(track, arrival)])

    def _same_sound(self, arrival: Arrival) -> Lost | None:
        """Moved and retagged."""
        if arrival.sound is None:
            return None
        return _nearest(arrival, list(self._by_sound.get((arrival.sound, arrival.duration_ms), {}).values()))

    def _same_tags(self, arrival: Arrival) -> Lost | None:
        """Replaced by another encode of the same music; only where nothing else could be meant."""
        key = _tags_key(arrival)
        if key is None:
            return None
        candidates = list(self._by_tags.get(key, {}).values())
        if len(candidates) != 1 or abs(candidates[0].duration_ms - arrival.duration_ms) > SAME_MUSIC_MS:
            return None
        return candidates[0]

    def _keys(self, track: Lost) -> list[tuple[dict[object, dict[TrackId, Lost]], object]]:
        keys: list[tuple[dict[object, dict[TrackId, Lost]], object]] = [
            (self._by_file, (track.size_bytes, track.mtime_ns))
        ]
        if track.sound is not None:
            keys.append((self._by_sound, (track.sound, track.duration_ms)))
        if (tags := _tags_key(track)) is not None:
            keys.append((self._by_tags, tags))
        return keys


def _agree(track: Lost, arrival: Arrival) -> bool:
    """Whether the contents are the same, beyond size and time: those may be equal by chance on coarse clocks."""
    if track.sound is not None and arrival.sound is not None:
        return track.sound == arrival.sound
    if track.duration_ms != arrival.duration_ms:
        return False
    named = (folded(track.title), track.artist, track.album) == (folded(arrival.title), arrival.artist, arrival.album)
    return named or arrival.mtime_ns % 1_000_000_000 != 0


def _tags_key(track: Lost | Arrival) -> object | None:
    if track.artist is None or track.album is None or track.duration_ms <= 0:
        return None
    return folded(track.title), folded(track.artist), folded(track.album)


def _nearest(arrival: Arrival, candidates: list[Lost]) -> Lost | None:
    """Of several copies of the same music the one whose path has most in common; the first of equals."""
    return min(candidates, key=lambda track: (_distance(track.path, arrival.path), track.path), default=None)


def _distance(a: str, b: str) -> tuple[int, int]:
    """Names that differ at the path's end count before names that differ at its beginning."""
    parts_a, parts_b = PurePosixPath(a).parts, PurePosixPath(b).parts
    end = _common(parts_a[::-1], parts_b[::-1])
    return -end, -_common(parts_a, parts_b)


def _common(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    count = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        count += 1
    return count
