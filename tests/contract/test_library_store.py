"""What every TrackStore must do, whatever keeps the rows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.search import words_of
from whatssound.audio.store import TrackStore, Wanted
from whatssound.audio.track import Track
from whatssound.ids import TrackId


def track(id: int, title: str, *, artist: str | None = None, album: str | None = None, **other: Any) -> Track:
    known = Track(
        id=TrackId(id),
        source="library",
        path=f"/music/{id}.flac",
        title=title,
        artist=artist,
        album=album,
        duration_ms=1000 * id,
        status="available",
        size_bytes=10,
        mtime_ns=1_700_000_000_000_000_001,
        album_key=f"key of {album}" if album else None,
        credited=artist,
    )
    return replace(known, **other)


JOGA = track(1, "Jóga", artist="Björk", album="Homogenic")
HUNTER = track(2, "Hunter", artist="Björk", album="Homogenic")
HOPPIPOLLA = track(3, "Hoppípolla", artist="Sigur Rós", album="Takk…")
PERCENT = track(4, "100% _pure_", artist=None)


@pytest.fixture(params=["sqlite"])
async def store(tmp_path: Path) -> AsyncIterator[TrackStore]:
    file = tmp_path / "whatssound.sqlite3"
    migrations.upgrade(sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    yield SqlTracks(database)
    await database.close()


async def filled(store: TrackStore) -> TrackStore:
    await store.add([JOGA, HUNTER, HOPPIPOLLA, PERCENT], added_ms=5)
    return store


async def found(store: TrackStore, query: str) -> list[str]:
    return [track.title for track in (await store.page(Wanted(words_of(query)), 10, None)).tracks]


async def test_a_track_is_found_by_id_and_by_path(store: TrackStore) -> None:
    await filled(store)
    assert await store.get(JOGA.id) == JOGA
    assert await store.get(TrackId(99)) is None
    assert await store.by_paths([JOGA.path, "/none", PERCENT.path]) == {JOGA.path: JOGA, PERCENT.path: PERCENT}
    assert await store.by_paths([]) == {}


async def test_several_are_found_at_once(store: TrackStore) -> None:
    await filled(store)
    assert {track.id for track in await store.several([JOGA.id, TrackId(99), PERCENT.id])} == {JOGA.id, PERCENT.id}
    assert await store.several([]) == []


@pytest.mark.parametrize("taken", [replace(JOGA, path="/other"), replace(JOGA, id=TrackId(9))])
async def test_a_taken_id_or_path_refuses_the_whole_batch(store: TrackStore, taken: Track) -> None:
    await store.add([JOGA], added_ms=5)
    with pytest.raises(ValueError, match="already"):
        await store.add([HUNTER, taken], added_ms=6)
    assert await store.get(HUNTER.id) is None
    assert await store.get(JOGA.id) == JOGA


async def test_adding_nothing_does_nothing(store: TrackStore) -> None:
    await store.add([], added_ms=5)
    assert (await store.page(Wanted(), 10, None)).total == 0


async def test_a_change_replaces_only_what_it_names(store: TrackStore) -> None:
    await filled(store)
    changed = await store.change(JOGA.id, {"status": "failed", "reason": "It broke."})
    assert changed == replace(JOGA, status="failed", reason="It broke.")
    assert await store.get(JOGA.id) == changed
    assert await store.get(HUNTER.id) == HUNTER
    assert await store.change(TrackId(99), {"status": "ready"}) is None
    assert await store.change(TrackId(99), {"title": "Nobody"}) is None


async def test_a_new_title_is_searched_at_once(store: TrackStore) -> None:
    await filled(store)
    await store.change(JOGA.id, {"title": "Bachelorette"})
    assert await found(store, "bachelor") == ["Bachelorette"]
    assert await found(store, "joga") == []


async def test_search_needs_every_word_anywhere(store: TrackStore) -> None:
    await filled(store)
    assert await found(store, "BJORK homo") == ["Hunter", "Jóga"]
    assert await found(store, "björk joga") == ["Jóga"]
    assert await found(store, "ros") == ["Hoppípolla"]
    assert await found(store, "bjork takk") == []


async def test_wildcards_are_letters_like_any_other(store: TrackStore) -> None:
    await filled(store)
    assert await found(store, "%") == ["100% _pure_"]
    assert await found(store, "_pure_") == ["100% _pure_"]
    assert await found(store, "j_ga") == []


async def test_pages_show_every_track_once_in_the_order_of_titles(store: TrackStore) -> None:
    twins = [track(n, "Twin") for n in range(20, 25)]
    await filled(store)
    await store.add(twins, added_ms=5)
    seen: list[Track] = []
    after = None
    while True:
        page = await store.page(Wanted(), 2, after)
        assert page.total == 9
        seen += page.tracks
        after = page.next
        if after is None:
            break
    assert [t.title for t in seen] == ["100% _pure_", "Hoppípolla", "Hunter", "Jóga", *["Twin"] * 5]
    assert [t.id for t in seen[4:]] == [t.id for t in twins]


async def test_a_full_last_page_has_no_next(store: TrackStore) -> None:
    await filled(store)
    assert (await store.page(Wanted(), 4, None)).next is None
    assert (await store.page(Wanted(), 3, None)).next is not None


async def test_a_ready_track_is_done(store: TrackStore) -> None:
    await filled(store)
    ready = await store.change(JOGA.id, {"status": "ready", "blob_key": "k", "samples": 7, "rate_hz": 44_100})
    assert ready is not None
    assert ready.progress == 1.0
    assert await store.by_blob_key("k") == ready
    assert await store.by_blob_key("other") is None


async def test_the_waveform_is_kept_beside_the_track(store: TrackStore) -> None:
    await filled(store)
    assert await store.peaks(JOGA.id) is None
    await store.change(JOGA.id, {"peaks": b"\x00\xff"})
    assert await store.peaks(JOGA.id) == b"\x00\xff"
    assert await store.peaks(TrackId(99)) is None


async def test_the_last_word_may_be_unfinished_the_others_are_whole(store: TrackStore) -> None:
    await filled(store)
    assert await found(store, "bjork hom") == ["Hunter", "Jóga"]
    assert await found(store, "bjo homogenic") == []


async def test_words_are_found_across_title_artists_and_album(store: TrackStore) -> None:
    await store.add(
        [
            track(1, "Corazón Partío", artist="Alejandro Sanz", album="Más", album_artist="Varios"),
            track(2, "T.N.T.", artist="AC/DC", album="!!!"),
            track(3, "夜に駆ける", artist="YOASOBI"),
        ],
        added_ms=5,
    )
    for query in ("corazon sanz mas", "CORAZÓN", "varios par"):
        assert await found(store, query) == ["Corazón Partío"]
    for query in ("ac/dc", "dc ac", "t.n.t", "!!!", "!!! ac-d"):
        assert await found(store, query) == ["T.N.T."]
    for query in ("夜に", "駆け"):
        assert await found(store, query) == ["夜に駆ける"]


@pytest.mark.parametrize(
    "query", ['"', "a OR b", "title:joga", "joga*", "(", "NEAR(a b)", "-joga", "^joga", "{a}:b", "joga\0"]
)
async def test_a_search_language_is_only_words(store: TrackStore, query: str) -> None:
    await filled(store)
    assert set(await found(store, query)) <= {"Jóga"}


async def test_writing_many_is_all_or_nothing(store: TrackStore) -> None:
    await store.add([JOGA, HUNTER], added_ms=5)
    with pytest.raises(ValueError, match="already"):
        await store.write([replace(PERCENT, path=HUNTER.path)], [(JOGA.id, {"title": "Gone"})], added_ms=6)
    assert await store.get(JOGA.id) == JOGA
    await store.write([PERCENT], [(JOGA.id, {"title": "New", "path": "/new"})], added_ms=6)
    assert await found(store, "new") == ["New"]
    assert set(await store.by_paths(["/new", PERCENT.path])) == {"/new", PERCENT.path}


LIVE = [
    track(11, "B", album="Live", disc_number=2, track_number=1),
    track(12, "C", album="Live", disc_number=1, track_number=10),
    track(13, "D", album="Live", track_number=2),
    track(14, "A", album="Live"),
]


async def test_an_album_is_in_its_own_order_over_pages(store: TrackStore) -> None:
    await store.add([*LIVE, JOGA], added_ms=5)
    titles: list[str] = []
    after = None
    while True:
        page = await store.page(Wanted(album="key of Live"), 1, after)
        assert page.total == 4
        titles += [track.title for track in page.tracks]
        after = page.next
        if after is None:
            break
    assert titles == ["D", "C", "A", "B"]


async def test_albums_are_listed_by_title_with_what_their_tracks_say(store: TrackStore) -> None:
    await filled(store)
    await store.add(
        [
            track(21, "One", artist="Zoë", album="éclat", album_artist="Various Artists", year=1999, cover_key="c"),
            track(22, "Two", artist="Yan", album="éclat", album_artist="Various Artists"),
        ],
        added_ms=5,
    )
    page = await store.albums(Wanted(), 10, None)
    shown = [(album.title, album.artist, album.year, album.tracks, album.cover_key) for album in page.albums]
    assert shown == [
        ("éclat", "Various Artists", 1999, 2, "c"),
        ("Homogenic", "Björk", None, 2, None),
        ("Takk…", "Sigur Rós", None, 1, None),
    ]
    assert page.albums[1].duration_ms == JOGA.duration_ms + HUNTER.duration_ms
    assert (page.total, page.next) == (3, None)


async def test_albums_are_found_by_name_and_artist_and_shown_whole(store: TrackStore) -> None:
    await filled(store)
    for wanted in (Wanted(words_of("homogenic bjo")), Wanted(artist="BJÖRK")):
        page = await store.albums(wanted, 10, None)
        assert [(album.title, album.tracks) for album in page.albums] == [("Homogenic", 2)]
        assert page.total == 1
    assert (await store.albums(Wanted(words_of("joga")), 10, None)).total == 0


async def test_albums_and_artists_follow_each_other_by_pages(store: TrackStore) -> None:
    await filled(store)
    titles: list[str] = []
    names: list[str] = []
    after = None
    while (page := await store.albums(Wanted(), 1, after)).next is not None:
        titles += [album.title for album in page.albums]
        after = page.next
    assert titles + [album.title for album in page.albums] == ["Homogenic", "Takk…"]
    after = None
    while (people := await store.artists(words_of(None), 1, after)).next is not None:
        names += [artist.name for artist in people.artists]
        after = people.next
    assert names + [artist.name for artist in people.artists] == ["Björk", "Sigur Rós"]
    assert people.total == 2


async def test_artists_are_counted_and_found(store: TrackStore) -> None:
    await filled(store)
    page = await store.artists(words_of("bjo"), 10, None)
    assert [(artist.name, artist.albums, artist.tracks) for artist in page.artists] == [("Björk", 1, 2)]
    assert (page.total, page.next) == (1, None)
    assert [t.title for t in (await store.page(Wanted(artist="björk"), 10, None)).tracks] == ["Hunter", "Jóga"]


async def test_offline_marks_are_set_lifted_and_counted(store: TrackStore) -> None:
    await filled(store)
    await store.change(JOGA.id, {"status": "failed", "reason": "The file is no longer there."})
    await store.mark([JOGA.id, HUNTER.id], [])
    assert await store.counts() == (4, 2)
    assert {lost.id for lost in await store.lost()} == {JOGA.id, HUNTER.id}
    await store.mark([], [JOGA.id])
    assert await store.get(JOGA.id) == JOGA
    assert await store.counts() == (4, 1)


async def test_uploads_are_never_lost(store: TrackStore) -> None:
    await store.add([replace(JOGA, source="upload", offline=True)], added_ms=5)
    assert await store.lost() == []


async def test_every_file_is_listed_with_what_a_scan_compares(store: TrackStore) -> None:
    await filled(store)
    files = {file.id: file for file in await store.files()}
    assert len(files) == 4
    file = files[JOGA.id]
    assert (file.path, file.size_bytes, file.mtime_ns) == (JOGA.path, JOGA.size_bytes, JOGA.mtime_ns)
    assert (file.source, file.offline, file.tags_version) == ("library", False, 0)
