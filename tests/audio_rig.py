"""The audio part as the app wires it, over a temporary data folder."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from whatssound.adapters.blobs_files import FileBlobs
from whatssound.adapters.media.encoder import ChildEncoder
from whatssound.adapters.media.thread_reader import ThreadReader
from whatssound.adapters.sql import migrations
from whatssound.adapters.sql.database import Database, sqlite_url
from whatssound.adapters.sql.encode_jobs import SqlEncodeJobs
from whatssound.adapters.sql.encoded import SqlEncoded
from whatssound.adapters.sql.tracks import SqlTracks
from whatssound.audio.cache import Cache
from whatssound.audio.edge import Edge
from whatssound.audio.encoder import EncodeJob, Encoder, Report, Stored
from whatssound.audio.ingest import Ingest
from whatssound.audio.keys import Keys
from whatssound.audio.library import Library
from whatssound.audio.removal import Removal
from whatssound.audio.renditions import Renditions
from whatssound.audio.rescans import Rescans
from whatssound.audio.scan_state import FolderScan
from whatssound.audio.track import Track
from whatssound.config import EncoderLimits
from whatssound.ids import Snowflakes, TrackId

NOW_MS = 1_790_000_000_000.0


def derive(purpose: str) -> bytes:
    return hmac.digest(b"a test's secret", purpose.encode(), hashlib.sha256)


@dataclass(slots=True)
class Rig:
    """`clock[0]` is the time in ms and can be moved; `queued` is what counts as being in a queue."""

    data: Path
    store: SqlTracks
    blobs: FileBlobs
    ingest: Ingest
    library: Library
    edge: Edge
    keys: Keys
    clock: list[float]
    cache: Cache
    encoded: SqlEncoded
    queued: set[TrackId]
    database: Database
    jobs: SqlEncodeJobs

    async def scan(self, *folders: Path, configured: Sequence[Path] | None = None) -> list[FolderScan]:
        """Scan these folders once; `configured` are all of the library's, when there are more."""
        rescans = Rescans(configured or folders, self.library.scanner, every_s=None, now_ms=lambda: self.clock[0])
        return await rescans.scan()

    async def until(self, track_id: TrackId, holds: Callable[[Track], bool]) -> Track:
        """The track, as soon as `holds` of it."""
        while True:
            step = self.ingest.next_step()
            track = await self.library.get(track_id)
            if holds(track):
                return track
            await step.wait()

    async def settled(self, track_id: TrackId) -> Track:
        """The track once it is ready or failed."""
        return await self.until(track_id, lambda track: track.status in ("ready", "failed"))

    async def idle(self) -> None:
        """Nothing runs, nothing waits. While something runs, the database is left alone: a bench counts its cost."""
        while True:
            step = self.ingest.next_step()
            if self.ingest.statistics().running == 0 and await self.jobs.counts() == (0, 0):
                return
            await step.wait()

    async def renditions_missing(self, track: Track) -> str | None:
        """The first stage of the track that has something left to do."""
        assert track.blob_key is not None
        return await Renditions(self.blobs).missing(track.blob_key)

    def signed(self, track: Track) -> tuple[int, str]:
        """`(exp, sig)` of the track's master playlist."""
        query = self.keys.master_path(track.id).partition("?")[2]
        fields = dict(part.split("=", 1) for part in query.split("&"))
        return int(fields["exp"]), fields["sig"]


@asynccontextmanager
async def audio(
    data: Path,
    encoder: Encoder | None = None,
    *,
    start: bool = True,
    limit_bytes: int = 10**12,
    now_ms: float = NOW_MS,
    knows_queues: bool = True,
    pool: str = "owner",
    clock: list[float] | None = None,
) -> AsyncGenerator[Rig]:
    """Everything of the audio part; a second one over the same folder is a restart, or another `pool` beside it."""
    await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
    file = data / "whatssound.sqlite3"
    await asyncio.to_thread(migrations.upgrade, sqlite_url(file, driver="pysqlite"))
    database = Database(sqlite_url(file))
    clock = clock or [now_ms]
    store, blobs = SqlTracks(database), FileBlobs(data / "blobs")
    keys, renditions = Keys(derive, lambda: clock[0]), Renditions(blobs)
    encoded, queued = SqlEncoded(database), set[TrackId]()
    jobs = SqlEncodeJobs(database)

    async def pins() -> set[TrackId]:
        return queued

    known = pins if knows_queues else None
    cache = Cache(encoded, blobs, renditions, limit_bytes=limit_bytes, now_ms=lambda: clock[0], pins=known)
    ingest = Ingest(
        store,
        encoder or ChildEncoder(EncoderLimits(nice=0)),
        blobs,
        jobs=jobs,
        encoded=encoded,
        keys=keys,
        cache=cache,
        renditions=renditions,
        work=data / "work" if pool == "owner" else data / f"work of {pool}",
        holder=f"{pool}/{secrets.token_hex(4)}",
        now_ms=lambda: clock[0],
    )
    library = Library(
        store,
        ingest,
        blobs,
        renditions=renditions,
        removal=Removal(store, encoded, ingest, blobs, cache=cache),
        keys=keys,
        ids=Snowflakes(lambda: clock[0], floor_ms=int(now_ms) - 1),
        reader=ThreadReader(),
        uploads=data / "uploads",
        now_ms=lambda: clock[0],
    )
    edge = Edge(library, store, ingest, blobs, renditions=renditions, keys=keys, cache=cache)
    if start:
        await ingest.start()
    try:
        yield Rig(data, store, blobs, ingest, library, edge, keys, clock, cache, encoded, queued, database, jobs)
    finally:
        await ingest.stop()
        await database.close()


class StagedEncoder:
    """An Encoder that goes on only when it is told to. `script` gives each job's reports; `jobs` keeps what was asked.

    A report that is an exception is raised. Files of `Stored` reports are written before they are reported, with
    `file_bytes` bytes at least.
    """

    def __init__(self, script: Callable[[EncodeJob], list[Report | Exception]], *, file_bytes: int = 0) -> None:
        self._file_bytes = file_bytes
        self.jobs: list[EncodeJob] = []
        self.running = 0
        self.most_running = 0
        self.gates: dict[str, asyncio.Semaphore] = {}
        self.ended: list[str] = []
        self._script = script
        self._started = False
        self._asked = asyncio.Event()

    def gate(self, job_name: str) -> asyncio.Semaphore:
        """Release it once for each report of the jobs whose source has this stem, and once more for the end."""
        return self.gates.setdefault(job_name, asyncio.Semaphore(0))

    def open(self, job_name: str) -> None:
        """Let these jobs run to their end."""
        for _ in range(100):
            self.gate(job_name).release()

    async def asked(self, count: int) -> list[str]:
        """The first `count` jobs, once they are there, as `name/rungs`."""
        while len(self.jobs) < count:
            self._asked.clear()
            await self._asked.wait()
        return [f"{job.source.stem}/{'+'.join(map(str, job.kbps))}" for job in self.jobs[:count]]

    async def start(self) -> None:
        self._started = True

    async def stop(self) -> None:
        assert self._started, "stopped before it was started"
        assert self.running == 0, "stopped while jobs run"

    async def encode(self, job: EncodeJob) -> AsyncGenerator[Report]:
        assert self._started, "a job before the start"
        assert job.work.is_dir(), "the scratch folder must exist"
        self.jobs.append(job)
        self._asked.set()
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        gate = self.gate(job.source.stem)
        try:
            for report in self._script(job):
                await gate.acquire()
                if isinstance(report, Exception):
                    raise report
                for name, file in report.files.items() if isinstance(report, Stored) else ():
                    file.write_bytes(name.encode().ljust(self._file_bytes))
                yield report
            await gate.acquire()
        finally:
            self.running -= 1
            self.ended.append(job.source.stem)
