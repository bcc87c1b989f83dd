"""Which vanished track a new file is; and when nobody can tell."""

from dataclasses import replace
from typing import Any

from whatssound.audio.moves import Arrival, Lost, Moves
from whatssound.ids import TrackId

NS = 1_700_000_000_123_456_789


def lost(id: int, path: str, **other: Any) -> Lost:
    known = Lost(TrackId(id), path, 1000, NS, "Jóga", "Björk", "Homogenic", 180_000, "s1")
    return replace(known, **other)


def arrival(path: str, **other: Any) -> Arrival:
    return replace(Arrival(path, 1000, NS, "Jóga", "Björk", "Homogenic", 180_000, "s1"), **other)


def claimed(moves: Moves, new: Arrival) -> int | None:
    found = moves.claim(new)
    return None if found is None else found.id


def test_a_moved_file_is_the_same_track_once() -> None:
    moves = Moves([lost(1, "/m/a.flac")])
    assert claimed(moves, arrival("/m/b.flac")) == 1
    assert claimed(moves, arrival("/m/c.flac")) is None


def test_equal_size_and_time_alone_prove_nothing_when_the_music_differs() -> None:
    moves = Moves([lost(1, "/m/a.flac")])
    assert claimed(moves, arrival("/m/b.flac", sound="s2", title="Hunter")) is None


def test_without_a_sound_a_coarse_clock_needs_the_same_tags() -> None:
    whole_s = 1_700_000_000_000_000_000
    moves = Moves([lost(1, "/m/a.ape", sound=None, mtime_ns=whole_s)])
    assert claimed(moves, arrival("/m/b.ape", sound=None, mtime_ns=whole_s, title="Hunter")) is None
    assert claimed(moves, arrival("/m/b.ape", sound=None, mtime_ns=whole_s)) == 1


def test_without_a_sound_a_fine_clock_is_enough_for_an_untagged_file() -> None:
    moves = Moves([lost(1, "/m/a.ape", sound=None, title="a", artist=None, album=None)])
    assert claimed(moves, arrival("/m/b.ape", sound=None, title="b", artist=None, album=None)) == 1


def test_a_moved_and_retagged_file_is_known_by_its_sound() -> None:
    moves = Moves([lost(1, "/m/a.flac"), lost(2, "/m/b.flac", sound="s2")])
    assert claimed(moves, arrival("/m/x.flac", size_bytes=1, mtime_ns=1, title="New", artist=None, sound="s2")) == 2


def test_another_encode_of_the_same_music_continues_it_when_nothing_else_can_be_meant() -> None:
    better = arrival("/m/a.flac", size_bytes=9, mtime_ns=9, sound="flac", duration_ms=180_200)
    assert claimed(Moves([lost(1, "/m/a.mp3")]), better) == 1
    assert claimed(Moves([lost(1, "/m/a.mp3"), lost(2, "/m/b.mp3", sound="s2")]), better) is None
    assert claimed(Moves([lost(1, "/m/a.mp3")]), replace(better, duration_ms=200_000)) is None
    assert claimed(Moves([lost(1, "/m/a.mp3", album=None)]), replace(better, album=None)) is None


def test_of_many_copies_each_continues_the_one_whose_place_is_nearest() -> None:
    places = [f"/m/{artist}/{album}/0{n} Song.flac" for artist in "AB" for album in "CD" for n in (1, 2)]
    moves = Moves([lost(n, path) for n, path in enumerate(places)])
    moved = [path.replace("/m/", "/m/sorted/") for path in places]
    assert [claimed(moves, arrival(path)) for path in reversed(moved)] == list(reversed(range(8)))


def test_a_renamed_album_folder_takes_its_own_copies_and_no_others() -> None:
    moves = Moves([lost(1, "/m/A/Old/01.flac"), lost(2, "/m/A/Old/02.flac"), lost(3, "/m/B/Gone/01.flac")])
    assert claimed(moves, arrival("/m/A/New/01.flac")) == 1
    assert claimed(moves, arrival("/m/A/New/02.flac")) == 2
