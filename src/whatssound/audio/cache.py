"""The encode cache: everything encoded, within its limit.

An encode is let in only when what is kept, what the running encodes may come to take, and its own estimate fit; to make
room, the least recently used track goes with all its renditions. What is in a queue, being encoded or in use stays. One
encode at a time may pass the limit, and only for what plays now or next: so the cache is never above its limit by more
than that track.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from whatssound.audio import ladder
from whatssound.audio.blobs import BlobStore
from whatssound.audio.encoded import Encoded, EncodedStore
from whatssound.audio.eviction import Kept, Safe, victim
from whatssound.audio.renditions import Renditions
from whatssound.audio.schedule import Stage
from whatssound.audio.track import Track
from whatssound.ids import TrackId, ms_of
from whatssound.wire.errors import Refusal

PLAYED_MS: Final = 60_000
"""A track's last playing is noted once in this time; players ask for playlists more often."""

MAX_NOTED: Final = 1_000
"""Tracks whose last note is remembered."""

PINS_S: Final = 5.0
"""How long an answer about queues is good for within one search for room; what is queued meanwhile was asked for."""

_COVERS: Final = "covers"
"""Kept beside what is encoded; not counted, never evicted."""

_SMALLEST: Final = 16 * 1024
"""Init sections, descriptions and the last segment's boxes of a very short track."""

_CEILINGS_BPS: Final[dict[Stage, int]] = {
    "first": sum(rung.ceiling_bps for rung in ladder.LADDER if rung.kbps == ladder.FIRST),
    "rest": sum(rung.ceiling_bps for rung in ladder.LADDER if rung.kbps in ladder.REST),
    "ogg": ladder.OGG_CEILING_BPS,
}

Pins = Callable[[], Awaitable[Collection[TrackId]]]
"""The tracks in queues: those that play, played just before, or will be played."""

_log = structlog.get_logger()


class CacheFull(Exception):
    """No room for another encode: all that is kept is in queues or in use."""

    reason: Final = (
        "The cache for encoded music is full with what is in queues. This goes on when a track has been played;"
        " the server's owner can raise --cache-size."
    )


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """Gauges, and counters since the start. `bytes` counts running encodes with what they may come to take."""

    bytes: int
    limit_bytes: int
    tracks: int
    evicted: int
    refused: int


@dataclass(slots=True, eq=False)
class Place:
    """A running encode's share of the cache, by `Cache.admit`."""

    track_id: TrackId
    stage: Stage
    bytes: int
    over: bool = False
    """Whether it was let in above the limit."""
    blob_key: str | None = None


class Cache:
    """Admits encodes, keeps account, makes room. One instance a process; accounts survive a restart.

    Until somebody says what is in queues (`pinned_by`), everything is.
    """

    def __init__(
        self,
        store: EncodedStore,
        blobs: BlobStore,
        renditions: Renditions,
        *,
        limit_bytes: int,
        now_ms: Callable[[], float],
        pins: Pins | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._renditions = renditions
        self._limit_bytes = limit_bytes
        self._now_ms = now_ms
        self._pins = pins
        self._kept: dict[str, Kept] = {}
        self._key_of: dict[TrackId, str] = {}
        self._places: list[Place] = []
        self._leaving: dict[str, asyncio.Event] = {}
        self._noted: OrderedDict[TrackId, float] = OrderedDict()
        self._lock = asyncio.Lock()
        self._callbacks: list[Callable[[Sequence[TrackId]], None]] = []
        self._measuring: asyncio.Task[None] | None = None
        self._evicted = 0
        self._refused = 0

    async def start(self) -> None:
        """Take up the accounts and remove what no track needs; then measure, in the background, what is really there.

        Raises OSError.
        """
        await self._blobs.tidy()
        known: dict[str, list[Encoded]] = {}
        for row in await self._store.encoded():
            known.setdefault(row.blob_key, []).append(row)
        present = set(await self._blobs.children()) - {_COVERS}
        valued = {key for key, rows in known.items() if any(row.ready or row.encoded_bytes for row in rows)}
        await self._blobs.remove(*(present - valued), *await self._orphaned_covers())
        self._tell(await self._store.evicted(valued - present))
        for key in present & valued:
            await self._take_up(key, known[key])
        self._measuring = asyncio.create_task(self._measure_all(), name="measure the cache")

    async def stop(self) -> None:
        """End the measuring."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.gather(self._measuring, return_exceptions=True)

    async def measured(self) -> None:
        """Return once the accounts are what is really there."""
        if self._measuring is not None:
            await self._measuring

    def pinned_by(self, pins: Pins) -> None:
        """From now on only what `pins` names counts as being in a queue."""
        self._pins = pins

    def on_evicted(self, callback: Callable[[Sequence[TrackId]], None]) -> None:
        """Call back, on the loop, with the tracks that are no longer ready."""
        self._callbacks.append(callback)

    async def asked_for(self, *track_ids: TrackId) -> None:
        """Keep the tracks' encodes for a while: somebody wants them. Waits for those that are just being removed."""
        now_ms = self._now_ms()
        for key in {self._key_of[id] for id in track_ids if id in self._key_of}:
            if (kept := self._kept.get(key)) is not None:
                kept.asked_ms = now_ms
            if (leaving := self._leaving.get(key)) is not None:
                await leaving.wait()

    def sent(self, blob_key: str) -> None:
        """Somebody gets a part of it: it stays for a while."""
        if (kept := self._kept.get(blob_key)) is not None:
            kept.used_ms = self._now_ms()

    async def played(self, track_id: TrackId) -> None:
        """A player asked for the track: it is now the most recently played one, also after a restart."""
        now_ms = self._now_ms()
        if now_ms - self._noted.get(track_id, 0) < PLAYED_MS:
            return
        self._noted[track_id] = now_ms
        self._noted.move_to_end(track_id)
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)
        with contextlib.suppress(OSError):  # a full disk stops no music
            await self._store.played(track_id, int(now_ms))

    async def admit(self, track: Track, stage: Stage, *, may_exceed: bool) -> Place:
        """A place for an encode that begins now; `leave` gives it back. Raises CacheFull, OSError."""
        place = Place(track.id, stage, estimate(stage, track))
        async with self._lock:
            await self._fit(place, may_exceed)
            self._places.append(place)
        try:
            with contextlib.suppress(OSError):
                await self._store.account(track.id, self._owed(track.id))
        except BaseException:  # cancelled, mostly
            self._places.remove(place)
            raise
        return place

    async def resize(self, place: Place, track: Track, *, may_exceed: bool) -> None:
        """The track's real length became known. Raises CacheFull: end the encode, and ask for a place again."""
        needed = estimate(place.stage, track)
        if needed <= place.bytes:
            return
        async with self._lock:
            self._places.remove(place)
            try:
                wanted = Place(place.track_id, place.stage, needed)
                await self._fit(wanted, may_exceed)
                place.bytes, place.over = wanted.bytes, wanted.over
            finally:
                self._places.append(place)
        await self._store.account(track.id, self._owed(track.id))

    def found(self, place: Place, blob_key: str) -> None:
        """Where the encode writes is known: the content was read."""
        place.blob_key = blob_key
        self._belongs(place.track_id, blob_key)

    async def leave(self, place: Place) -> None:
        """The encode has ended, well or not: what it left is measured and stays in the account.

        Who is cancelled meanwhile has left, too; what was promised counts then as what it took.
        """
        kept = None if place.blob_key is None else self._kept.setdefault(place.blob_key, Kept(place.blob_key))
        took_bytes = place.bytes + (0 if kept is None else kept.bytes)
        try:
            if kept is not None:
                took_bytes = await self._blobs.size(kept.blob_key)
        finally:
            self._places.remove(place)
            if kept is not None:
                kept.bytes, kept.used_ms = took_bytes, self._now_ms()
        with contextlib.suppress(OSError):
            await self._store.account(place.track_id, self._owed(place.track_id))

    async def forget(self, track_id: TrackId, blob_key: str | None) -> None:
        """The track is gone, or has another content: what is kept below `blob_key` goes unless another track needs it.

        Raises OSError.
        """
        if self._key_of.get(track_id) == blob_key:
            self._key_of.pop(track_id, None)
        if blob_key is None:
            return
        async with self._lock:
            kept = self._kept.get(blob_key, Kept(blob_key))
            kept.tracks.discard(track_id)
            needed = any(place.blob_key == blob_key for place in self._places)
            if not needed and not set(await self._store.sharing(blob_key)) - {track_id}:
                await self._remove(blob_key)

    async def sharing(self, blob_key: str) -> list[TrackId]:
        """The tracks whose renditions are kept there."""
        return await self._store.sharing(blob_key)

    def statistics(self) -> CacheStatistics:
        """What the metrics show."""
        return CacheStatistics(self._used(), self._limit_bytes, len(self._kept), self._evicted, self._refused)

    async def _fit(self, place: Place, may_exceed: bool) -> None:
        await self._make_room(place)
        if self._used() + place.bytes <= self._limit_bytes:
            return
        if not may_exceed or self._used() > self._limit_bytes or any(other.over for other in self._places):
            self._refused += 1
            raise CacheFull
        place.over = True

    async def _make_room(self, place: Place) -> None:
        pins: Collection[TrackId] = ()
        asked_s = -PINS_S
        while self._used() + place.bytes > self._limit_bytes and self._pins is not None and self._kept:
            loop_s = asyncio.get_running_loop().time()
            if loop_s - asked_s >= PINS_S:
                try:
                    pins, asked_s = await self._pins(), loop_s
                except (OSError, Refusal) as error:
                    _log.warning("queues_not_known", error=str(error))
                    return
            running = {other.track_id for other in self._places} | {place.track_id}
            keys = {other.blob_key for other in self._places if other.blob_key is not None}
            first = victim(self._kept.values(), Safe({*pins, *running}, keys, self._now_ms()))
            if first is None:
                return
            await self._evict(first)

    async def _evict(self, kept: Kept) -> None:
        """The rows first: after a kill in between, the start finds blobs that no row counts, and removes them."""
        leaving = self._leaving[kept.blob_key] = asyncio.Event()
        try:
            self._tell(await self._store.evicted((kept.blob_key,)))
            await self._remove(kept.blob_key)
            self._evicted += 1
            _log.info("evicted", blob_key=kept.blob_key[:8], bytes=kept.bytes)
        finally:
            del self._leaving[kept.blob_key]
            leaving.set()

    async def _remove(self, blob_key: str) -> None:
        await self._blobs.remove(blob_key)
        self._renditions.forget(blob_key)
        kept = self._kept.pop(blob_key, None)
        for id in kept.tracks if kept is not None else ():
            if self._key_of.get(id) == blob_key:
                del self._key_of[id]

    async def _take_up(self, key: str, rows: list[Encoded]) -> None:
        counted = max(row.encoded_bytes for row in rows)
        used_ms = max(max(row.last_played_ms or 0, ms_of(row.track_id)) for row in rows)
        tracks = {row.track_id for row in rows}
        self._kept[key] = Kept(key, counted or await self._blobs.size(key), used_ms, tracks=tracks)
        self._key_of.update({row.track_id: key for row in rows})

    async def _measure_all(self) -> None:
        """Accounts are upper bounds after a kill; a stop may have been a kill."""
        for key in list(self._kept):
            kept = self._kept.get(key)
            used_ms = 0.0 if kept is None else kept.used_ms
            size_bytes = await self._blobs.size(key)
            busy = any(place.blob_key == key or self._key_of.get(place.track_id) == key for place in self._places)
            if kept is not None and kept.used_ms == used_ms and not busy:
                kept.bytes = size_bytes

    async def _orphaned_covers(self) -> list[str]:
        stored = await self._blobs.children(_COVERS)
        used = await self._store.covers() if stored else set[str]()
        return [f"{_COVERS}/{key}" for key in stored if key not in used]

    def _belongs(self, track_id: TrackId, blob_key: str) -> None:
        before = self._key_of.get(track_id)
        if before is not None and before != blob_key and before in self._kept:
            self._kept[before].tracks.discard(track_id)
        self._key_of[track_id] = blob_key
        kept = self._kept.setdefault(blob_key, Kept(blob_key))
        kept.tracks.add(track_id)
        kept.used_ms = self._now_ms()

    def _owed(self, track_id: TrackId) -> int:
        kept = self._kept.get(self._key_of.get(track_id, ""))
        promised = sum(place.bytes for place in self._places if place.track_id == track_id)
        return promised + (0 if kept is None else kept.bytes)

    def _used(self) -> int:
        return sum(kept.bytes for kept in self._kept.values()) + sum(place.bytes for place in self._places)

    def _tell(self, tracks: Sequence[TrackId]) -> None:
        for callback in self._callbacks if tracks else ():
            callback(tracks)


def estimate(stage: Stage, track: Track) -> int:
    """What the stage may come to take, in bytes: the announced ceilings over the whole length, so rather too much.

    Before the length is known the source's own size stands for it.
    """
    ms = track.duration_ms
    if track.samples is not None and track.rate_hz is not None:
        ms = ladder.duration_ms(track.samples, track.rate_hz)
    if ms <= 0:
        return track.size_bytes + _SMALLEST
    return _CEILINGS_BPS[stage] * ms // 8000 + _SMALLEST
