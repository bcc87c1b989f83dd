"""Scanning a folder into the library: tags and covers only, a batch at a time, off the event loop."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from whatssound.audio.folder import Found, Unreadable, walk, why
from whatssound.audio.store import TrackStore
from whatssound.audio.tags import TagReader, Tags
from whatssound.audio.track import Track

BATCH: Final = 50
"""Files a step: a few ms of reading each, one transaction together."""

MAX_SKIPPED: Final = 100
"""Skipped files that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is. `skipped` names the files and folders that could not be read, and why (100 at most)."""

    seen: int
    added: int
    changed: int
    unreadable: int
    skipped: tuple[str, ...]
    done: bool


@dataclass(slots=True)
class _Tally:
    seen: int = 0
    added: int = 0
    changed: int = 0
    unreadable: int = 0
    skipped: list[str] = field(default_factory=list[str])

    def skip(self, what: Unreadable) -> None:
        self.unreadable += 1
        if len(self.skipped) < MAX_SKIPPED:
            self.skipped.append(f"{what.path}: {what.why}")

    def progress(self, *, done: bool) -> ScanProgress:
        return ScanProgress(self.seen, self.added, self.changed, self.unreadable, tuple(self.skipped), done)


@dataclass(frozen=True, slots=True)
class Scanner:
    """`add` takes in new files with their tags, `change` replaces what is known of changed ones."""

    store: TrackStore
    read_tags: TagReader
    add: Callable[[list[tuple[Found, Tags]]], Awaitable[None]]
    change: Callable[[Track, Found, Tags], Awaitable[None]]

    async def run(self, folder: Path, on_progress: Callable[[ScanProgress], None] | None) -> ScanProgress:
        """Walk everything once; `on_progress` is called after each batch and at the end, on the loop."""
        tally = _Tally()
        found = walk(folder)
        while batch := await asyncio.to_thread(_next_batch, found):
            await self._take(batch, tally)
            if on_progress is not None:
                on_progress(tally.progress(done=False))
        end = tally.progress(done=True)
        if on_progress is not None:
            on_progress(end)
        return end

    async def _take(self, batch: list[Found | Unreadable], tally: _Tally) -> None:
        files = [item for item in batch if isinstance(item, Found)]
        tally.seen += len(files)
        for item in batch:
            if isinstance(item, Unreadable):
                tally.skip(item)
        known = await self.store.by_paths([str(file.path) for file in files])
        news = [file for file in files if not _same(known.get(str(file.path)), file)]
        fresh: list[tuple[Found, Tags]] = []
        for file, tags in await asyncio.to_thread(self._read, news):
            before = known.get(str(file.path))
            if isinstance(tags, Unreadable):
                tally.skip(tags)
            elif before is None:
                fresh.append((file, tags))
            else:
                await self.change(before, file, tags)
                tally.changed += 1
        await self.add(fresh)
        tally.added += len(fresh)

    def _read(self, files: list[Found]) -> list[tuple[Found, Tags | Unreadable]]:
        answers: list[tuple[Found, Tags | Unreadable]] = []
        for file in files:
            try:
                answers.append((file, self.read_tags(file.path)))
            except OSError as error:
                answers.append((file, Unreadable(str(file.path), why(error))))
        return answers


def _next_batch(found: Iterator[Found | Unreadable]) -> list[Found | Unreadable]:
    return list(islice(found, BATCH))


def _same(track: Track | None, file: Found) -> bool:
    return track is not None and (track.size_bytes, track.mtime_ns) == (file.size_bytes, file.mtime_ns)
