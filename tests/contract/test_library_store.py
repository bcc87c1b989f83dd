"""What every TrackStore must do, whatever keeps the rows."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.search import words_of
from whatssound.audio.store import TrackStore, Wanted
from whatssound.audio.track import Track
from whatssound.ids import TrackId


def track(id: int, title: str, *, artist: str | None = None, album: str | None = None) -> Track:
    return Track(
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
    )


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


async def test_tracks_are_found_by_their_state(store: TrackStore) -> None:
    await filled(store)
    await store.change(HUNTER.id, {"status": "queued"})
    await store.change(JOGA.id, {"status": "encoding"})
    assert [t.id for t in await store.with_status("queued", "encoding")] == [JOGA.id, HUNTER.id]
    assert await store.with_status("failed") == []


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
