"""Scanning the library's folders: tags and covers only, nothing is decoded, nothing in them is touched.

First every folder is walked and compared with the database in one go; then tags are read for what is new or changed,
a batch at a time, each written in one transaction. So a scan may be killed anywhere: the next one does what is left.
"""

import asyncio
import contextlib
import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from whatssound.audio.comparing import Differences, Reading, Seen, compared, folder_of, is_below
from whatssound.audio.folder import Listed, Unreadable
from whatssound.audio.folder_names import names_of
from whatssound.audio.intake import Intake, described, replaced
from whatssound.audio.moves import Arrival, Lost, Moves
from whatssound.audio.scan_state import Tally
from whatssound.audio.store import Changes, KnownFile, TrackStore
from whatssound.audio.tags import Asked, FolderReader, Tags
from whatssound.audio.track import Track
from whatssound.ids import TrackId

BATCH: Final = 50
"""Files a step: one question to a reader, one transaction, a few ms of the event loop."""

SOME: Final = 10
"""So many files do not vanish one by one within a moment."""

_EMPTY: Final = "The folder is empty. If it is a network share: is it mounted?"
_SILENT: Final = "The folder does not answer; is the network there? What was found stays."

_log = structlog.get_logger()


@dataclass(slots=True)
class _Work:
    """One folder on its way through a scan."""

    tally: Tally
    seen: Seen | None = None
    readings: list[Reading] = field(default_factory=list[Reading])


@dataclass(frozen=True, slots=True)
class Scanner:
    """One scan of some of the library's folders. `folders` are all of them, outermost ones only."""

    store: TrackStore
    reader: FolderReader
    intake: Intake
    folders: Sequence[str]
    now_ms: Callable[[], float]
    step: Callable[[], None]
    """Called whenever a tally changed."""

    async def run(self, tallies: Sequence[Tally]) -> None:
        """Scan the folders of these tallies, which tell the outcome. Raises OSError when the database cannot."""
        work = [_Work(tally) for tally in tallies]
        for one in work:
            one.tally.begin()
        self.step()
        for one in work:
            await self._walk(one)
        moves = await self._compare(work)
        for one in work:
            if one.seen is not None:
                await self._read(one, moves)
            one.tally.end(self.now_ms())
            self.step()

    async def _walk(self, work: _Work) -> None:
        tally, whole = work.tally, Listed()
        try:
            async with contextlib.aclosing(self.reader.walk(tally.folder)) as parts:
                async for part in parts:
                    _join(whole, part, tally)
                    self.step()
        except OSError as error:
            tally.end(self.now_ms(), _failure(error))
            return
        if whole.blind == [tally.folder]:
            tally.end(self.now_ms(), f"The folder cannot be read: {whole.skipped[-1].why}.")
        elif whole.entries:
            found = await asyncio.to_thread(sorted, whole.found, key=lambda found: found.path)
            work.seen = Seen(found, whole.blind)

    async def _compare(self, work: Sequence[_Work]) -> Moves:
        """Set and lift offline marks, find what to read; answers the tracks whose files moved or are gone."""
        # 50,000 files are compared for some 100 ms: in a thread, so that listeners do not wait for it.
        known = await asyncio.to_thread(_by_folder, await self.store.files(), self.folders)
        offline = [file.id for file in known.get(None, ()) if not file.offline]
        online: list[TrackId] = []
        for one in work:
            differences = await self._differences(one, known.get(one.tally.folder, ()))
            one.readings = differences.readings
            one.tally.counts["offline"] = len(differences.gone)
            offline += [file.id for file in differences.gone if not file.offline]
            online += differences.back
        await self.store.mark(offline, online)
        if not any(reading.known is None for one in work for reading in one.readings):
            return Moves(())
        blind = [folder for one in work if one.seen is not None for folder in one.seen.blind]
        walked = [one.tally.folder for one in work if one.seen is not None]
        return Moves([lost for lost in await self.store.lost() if self._may_have_moved(lost, walked, blind)])

    async def _differences(self, work: _Work, known: Sequence[KnownFile]) -> Differences:
        if work.seen is None:
            if known and work.tally.reason is None:
                work.tally.reason = _EMPTY
            return Differences(gone=[file for file in known if file.source == "library"])
        differences = await asyncio.to_thread(compared, work.seen, known)
        for start in range(0, len(differences.hidden), BATCH):
            some = differences.hidden[start : start + BATCH]
            with contextlib.suppress(TimeoutError):
                there = await self.reader.present([file.path for file in some])
                differences.back += [file.id for file in some if file.path in there and file.offline]
                some = [file for file in some if file.path not in there]
            differences.gone += some
        return differences

    def _may_have_moved(self, lost: Lost, walked: Sequence[str], blind: Sequence[str]) -> bool:
        """Only a file that a walk missed is gone; one on a share that is not mounted is not."""
        folder = folder_of(lost.path, self.folders)
        if folder is None:
            return True
        return folder in walked and not any(is_below(lost.path, closed) for closed in blind)

    async def _read(self, work: _Work, moves: Moves) -> None:
        """Several batches are read at a time, and taken in their order: so copies that moved together stay together."""
        reading: deque[tuple[list[Reading], asyncio.Task[list[Tags | Unreadable]]]] = deque()
        try:
            async with asyncio.TaskGroup() as group:
                for batch in _batches(work.readings):
                    reading.append((batch, group.create_task(self._tags(batch))))
                    if len(reading) > self.reader.width:
                        await self._take(*reading.popleft(), work.tally, moves)
                while reading:
                    await self._take(*reading.popleft(), work.tally, moves)
        except* OSError as errors:
            work.tally.reason = _failure(errors.exceptions[0])
            _log.warning("scan_stopped", folder=work.tally.folder, error=str(errors.exceptions[0]))

    async def _take(
        self, batch: list[Reading], read: asyncio.Task[list[Tags | Unreadable]], tally: Tally, moves: Moves
    ) -> None:
        answers = await read
        new: list[Track] = []
        changes: list[tuple[TrackId, Changes]] = []
        for reading, tags in zip(batch, answers, strict=True):
            if isinstance(tags, Unreadable):
                tally.skip(tags)
                continue
            track = await self._track(reading, tags, tally)
            lost = await self._claimed(track, moves) if reading.known is None else None
            if reading.known is not None:
                changes.append((reading.known.id, _changes(reading.known, track)))
                tally.counts["changed"] += 1
            elif lost is not None:
                changes.append((lost.id, _changes(lost, track)))
                tally.counts["moved"] += 1
                tally.counts["offline"] -= is_below(lost.path, tally.folder)
            else:
                new.append(track)
        await self.store.write(new, changes, added_ms=int(self.now_ms()))
        tally.counts["added"] += len(new)
        self.step()

    async def _tags(self, batch: list[Reading]) -> list[Tags | Unreadable]:
        """Raises FileNotFoundError when all of them are gone at once: then it is the share that is gone."""
        answers = await self.reader.tags([Asked(one.found.path, one.found.beside) for one in batch])
        none = len(batch) >= SOME and all(isinstance(answer, Unreadable) for answer in answers)
        if none and not await self.reader.present([one.found.path for one in batch]):
            raise FileNotFoundError(batch[0].found.path)
        return answers

    async def _track(self, reading: Reading, tags: Tags, tally: Tally) -> Track:
        id = self.intake.next_id() if reading.known is None else reading.known.id
        names = names_of(reading.found.path, tally.folder)
        return await self.intake.track(reading.found, tags, names, "library", id)

    async def _claimed(self, track: Track, moves: Moves) -> Lost | None:
        """The vanished track that this one continues; its file must still be gone."""
        arrival = Arrival(
            path=track.path,
            size_bytes=track.size_bytes,
            mtime_ns=track.mtime_ns,
            title=track.title,
            artist=track.artist,
            album=track.album,
            duration_ms=track.duration_ms,
            sound=track.sound,
        )
        while (lost := moves.claim(arrival)) is not None:
            if not await self.reader.present([lost.path]):
                return lost
        return None


def _join(whole: Listed, part: Listed, tally: Tally) -> None:
    whole.found += part.found
    whole.blind += part.blind
    whole.entries += part.entries
    whole.skipped += part.skipped
    tally.counts["seen"] += len(part.found)
    for skipped in part.skipped:
        tally.skip(skipped)


def _by_folder(files: Sequence[KnownFile], folders: Sequence[str]) -> dict[str | None, list[KnownFile]]:
    """Files by the folder that holds them; under None those of folders that are no longer the library's."""
    sorted_out: dict[str | None, list[KnownFile]] = {}
    for file in files:
        folder = folder_of(file.path, folders)
        if folder is not None or file.source == "library":
            sorted_out.setdefault(folder, []).append(file)
    return sorted_out


def _changes(before: KnownFile | Lost, track: Track) -> Changes:
    """The sound stays known when only the place changed, or only what we read of the same bytes."""
    same = (before.size_bytes, before.mtime_ns) == (track.size_bytes, track.mtime_ns)
    return described(track) if same else replaced(track)


def _batches(readings: Sequence[Reading]) -> Iterator[list[Reading]]:
    for start in range(0, len(readings), BATCH):
        yield list(readings[start : start + BATCH])


def _failure(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return _SILENT
        case FileNotFoundError() | NotADirectoryError():
            return "The folder is not there. If it is a network share: is it mounted?"
        case OSError(errno=errno.ENOSPC):
            return "The server's disk is full; make room, and scan again."
        case PermissionError():
            return "We are not allowed to read the folder; mend its permissions."
        case OSError():
            return f"The folder cannot be read: {(error.strerror or str(error)).lower()}."
        case _:
            return "The folder cannot be read."
