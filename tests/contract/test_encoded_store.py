"""What every EncodedStore must tell of the library's rows."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.encoded import SqlEncoded
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.encoded import Encoded, EncodedStore
from whatssound.audio.search import words_of
from whatssound.audio.store import TrackStore, Wanted
from whatssound.audio.track import Track
from whatssound.ids import TrackId, UserId


@dataclass
class Rows:
    """The same rows seen from both sides."""

    tracks: TrackStore
    encoded: EncodedStore

    async def add(self, number: int, **fields: object) -> TrackId:
        plain = Track(TrackId(number), "upload", f"/{number}", f"T{number}", None, None, duration_ms=1, status="ready")
        await self.tracks.add([replace(plain, **fields)], added_ms=0)  # pyright: ignore[reportArgumentType]
        return TrackId(number)


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncIterator[Rows]:
    url = sqlite_url(tmp_path / "whatssound.sqlite3", driver="pysqlite")
    migrations.upgrade(url)
    database = Database(sqlite_url(tmp_path / "whatssound.sqlite3"))
    yield Rows(SqlTracks(database), SqlEncoded(database))
    await database.close()


async def test_every_track_with_a_key_is_told_with_its_account(rows: Rows) -> None:
    one = await rows.add(1, blob_key="k", last_played_ms=5)
    await rows.add(2)
    await rows.encoded.account(one, 70)
    assert await rows.encoded.encoded() == [Encoded(one, "k", 70, 5, ready=True)]
    await rows.encoded.played(one, 9)
    assert (await rows.encoded.encoded())[0].last_played_ms == 9


async def test_evicted_tracks_become_available_and_keep_what_was_learnt(rows: Rows) -> None:
    ready = await rows.add(1, blob_key="k", samples=7, rate_hz=44_100)
    twin = await rows.add(2, blob_key="k", status="queued")
    other = await rows.add(3, blob_key="other")
    for id in (ready, twin, other):
        await rows.encoded.account(id, 70)
    assert await rows.encoded.evicted(("k", "nobody's")) == [ready]
    now = {track.id: track for track in await rows.tracks.several([ready, twin, other])}
    assert [now[id].status for id in (ready, twin, other)] == ["available", "queued", "ready"]
    assert [now[id].encoded_bytes for id in (ready, twin, other)] == [0, 0, 70]
    assert (now[ready].samples, now[ready].blob_key) == (7, "k")


async def test_evicting_nothing_changes_nothing(rows: Rows) -> None:
    await rows.add(1, blob_key="k")
    assert await rows.encoded.evicted(()) == []


async def test_tracks_of_the_same_bytes_know_each_other(rows: Rows) -> None:
    for number, key in ((1, "k"), (2, "k"), (3, "other")):
        await rows.add(number, blob_key=key)
    assert await rows.encoded.sharing("k") == [1, 2]


async def test_failed_tracks_come_newest_first(rows: Rows) -> None:
    for number in (1, 2, 3):
        await rows.add(number, status="failed", reason="No.")
    await rows.add(4)
    assert await rows.encoded.failed(2) == [3, 2]


async def test_uploads_are_counted_for_who_uploaded_them(rows: Rows) -> None:
    ana, leo = UserId(10), UserId(11)
    await rows.add(1, owner_id=ana, size_bytes=100)
    await rows.add(2, owner_id=ana, size_bytes=11, status="failed")
    await rows.add(3, owner_id=leo, size_bytes=1)
    await rows.add(4, source="library", size_bytes=1000)
    assert await rows.encoded.uploads_of(ana) == [1, 2]
    assert [await rows.encoded.used_bytes(who) for who in (ana, leo, UserId(12))] == [111, 1, 0]


async def test_covers_in_use_are_known(rows: Rows) -> None:
    await rows.add(1, cover_key="a.png")
    await rows.add(2, cover_key="a.png")
    await rows.add(3)
    assert await rows.encoded.covers() == {"a.png"}
    assert await rows.encoded.uses_cover("a.png")
    assert not await rows.encoded.uses_cover("b.png")


async def test_a_removed_track_is_not_found_by_id_path_or_words(rows: Rows) -> None:
    one = await rows.add(1, title="Sunrise")
    assert await rows.encoded.remove(one)
    assert not await rows.encoded.remove(one)
    assert await rows.tracks.get(one) is None
    assert await rows.tracks.by_paths(["/1"]) == {}
    assert (await rows.tracks.page(Wanted(words_of("sunrise")), 10, None)).tracks == []
    await rows.add(1, title="Moon")
    assert (await rows.tracks.page(Wanted(words_of("sunrise")), 10, None)).tracks == []
