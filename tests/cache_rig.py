"""A room that plays from a library whose cache is small, and a look at the disk."""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audio_rig import Rig, StagedEncoder
from whatssound.accounts.user import User
from whatssound.adapters.library_catalog import LibraryCatalog
from whatssound.adapters.memory import MemoryLog
from whatssound.adapters.messages_sqlite.store import SqliteMessages
from whatssound.adapters.sql.home_bans import SqlHomeBans
from whatssound.adapters.sql.plays import SqlPlays
from whatssound.adapters.sql.rooms import SqlRooms
from whatssound.audio import ladder
from whatssound.audio.encoder import Analysed, Counted, EncodeJob, RenditionDone, Report, Stored, Whole
from whatssound.audio.track import Track
from whatssound.ids import RoomId, Snowflakes, TrackId, UserId
from whatssound.messages.service import MessageService
from whatssound.rooms.homes import Homes
from whatssound.rooms.service import RoomService
from whatssound.wire import commands, events

RATE_HZ = 44_100
TRACK_S = 10
FILE_BYTES = 40_000
FIRST_BYTES = 4 * FILE_BYTES
"""The first rung of a track: an init section and three segments, 128 kb/s over 10 s."""

TRACK_BYTES = 3 * FIRST_BYTES + 1_000
"""All rungs and their descriptions."""

DANA = User(UserId(1), "Dana", "owner")


def script(job: EncodeJob) -> list[Report | Exception]:
    """What the encoder reports of a track of 10 s."""
    samples = TRACK_S * RATE_HZ
    reports: list[Report | Exception] = [Counted(samples, RATE_HZ)]
    for kbps in job.kbps:
        for n, name in enumerate(("init.mp4", "0.m4s", "1.m4s", "2.m4s")):
            reports.append(Stored(kbps, {name: job.work / f"{kbps}-{name}"}, n / 3))
        reports.append(RenditionDone(kbps, 3, kbps * 1100, kbps * 1000))
    if job.ogg is not None:
        file = job.work / "whole.ogg"
        file.write_bytes(bytes(FIRST_BYTES))
        reports.append(Whole(file))
    if job.analyse:
        reports.append(Analysed(samples, RATE_HZ, -14.5, -1.0, b"\x01\x02"))
    return reports


class Press(StagedEncoder):
    """Encodes without being told to go on, into files as large as real ones."""

    def __init__(self) -> None:
        super().__init__(script, file_bytes=FILE_BYTES)

    def gate(self, job_name: str) -> asyncio.Semaphore:  # noqa: ARG002
        return asyncio.Semaphore(1_000)


async def tracks_of(rig: Rig, folder: Path, count: int) -> list[Track]:
    """New tracks in the library, whose files hold their own names and whose tags claim nothing."""
    tracks: list[Track] = []
    for n in range(count):
        file = folder / f"track {n}.mp3"
        await asyncio.to_thread(file.write_text, f"{folder.name} {n}")
        tracks.append(await rig.library.take(file, "library"))
    return tracks


@dataclass
class Stage:
    """Rooms over the library. `evicted` holds what went since it was last looked at."""

    rig: Rig
    service: RoomService
    evicted: set[TrackId] = field(default_factory=set[TrackId])

    async def open(self, title: str) -> RoomId:
        return (await self.service.create(DANA, title, events.Settings())).id

    async def add(self, room: RoomId, *tracks: Track) -> None:
        for track in tracks:
            add = commands.QueueAdd(track_id=str(track.id), nonce=f"{room} {track.id}")
            await self.service.run(room, DANA, add, device="desk")

    async def playing(self, room: RoomId) -> TrackId | None:
        entry = (await self.service.find(str(room))).playback.entry
        return None if entry is None else TrackId(int(entry.track.id))

    async def pass_time(self, seconds: float) -> None:
        """Rooms go on by themselves."""
        self.rig.clock[0] += seconds * 1000
        await self.service.sweep()
        self.service.tick()
        await self.service.settle()

    async def heard(self, room: RoomId) -> TrackId | None:
        """A player asks for what plays, to its last segment."""
        track_id = await self.playing(room)
        if track_id is None:
            return None
        track = await self.rig.library.get(track_id)
        exp, sig = self.rig.signed(track)
        await self.rig.edge.master(track_id, exp, sig)
        key = (await self.rig.library.get(track_id)).blob_key
        assert key is not None
        for name in ("init.mp4", "0.m4s", "1.m4s", "2.m4s"):
            found = await self.rig.edge.segment(key, ladder.FIRST, name)
            assert found.size_bytes == FILE_BYTES
        return track_id

    async def play(self, room: RoomId) -> None:
        """The DJ begins, once the length of the first track is known."""
        track_id = (await self.service.find(str(room))).queue.entries[0].track.id
        await self.rig.until(TrackId(int(track_id)), lambda track: track.duration_ms > 0)
        await self.service.settle()
        await self.service.run(room, DANA, commands.PlaybackPlay(), device="desk")

    async def next_ready(self, room: RoomId) -> None:
        """Return once the next track of the queue is encoded, which it should be long before its turn."""
        entries = (await self.service.find(str(room))).queue.entries
        if entries:
            await self.rig.until(TrackId(int(entries[0].track.id)), lambda track: track.status == "ready")
            await self.service.settle()

    def note(self, track_ids: Sequence[TrackId]) -> None:
        """To be told by the cache."""
        self.evicted.update(track_ids)

    def gone(self) -> set[TrackId]:
        """What was evicted since this was last asked."""
        evicted, self.evicted = self.evicted, set()
        return evicted


@asynccontextmanager
async def staged(rig: Rig, *, start: int = 1) -> AsyncGenerator[Stage]:
    """Rooms over the library of `rig`, whose queues the cache knows; `start` tells one start from another."""

    def now_ms() -> float:
        return rig.clock[0]

    ids = Snowflakes(now_ms, floor_ms=int(rig.clock[0]) + start * 1000)
    async with await SqliteMessages.open(rig.data / "messages.sqlite3", now_ms=now_ms) as kept:
        service = RoomService(
            SqlRooms(rig.database),
            MemoryLog(f"epoch {start}"),
            MessageService(kept, ids, now_ms=now_ms),
            LibraryCatalog(rig.library),
            ids,
            homes=Homes(SqlHomeBans(rig.database), key=b"h" * 32, now_ms=now_ms),
            plays=SqlPlays(rig.database),
            owner=f"start {start}",
            person=_person,
            now_ms=now_ms,
            random_bits=lambda bits: ids.next() % (1 << bits),
            lead_ms=0,
        )
        rig.cache.pinned_by(service.queued_tracks)
        stage = Stage(rig, service)
        rig.cache.on_evicted(stage.note)
        rig.library.on_changed(
            lambda track: service.track_changed(rig.library.wire_track(track), failed=track.status == "failed")
        )
        yield stage
        await service.settle()
        await service.stop()


async def _person(_: UserId) -> User | None:
    return DANA


def on_disk(rig: Rig) -> int:
    """Bytes below the blob folder, covers left out, counted file by file."""
    total = 0
    for folder, _, files in os.walk(rig.data / "blobs"):
        if Path(folder).name != "covers":
            for file in files:
                with contextlib.suppress(FileNotFoundError):  # just evicted
                    total += os.stat(Path(folder) / file).st_size
    return total
