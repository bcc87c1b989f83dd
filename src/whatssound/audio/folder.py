"""Walking a folder of music, without touching it: several folders at a time, because a share answers slowly."""

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

SUFFIXES: Final = frozenset(
    f".{suffix}"
    for suffix in (
        *("mp3", "flac", "ogg", "oga", "opus", "m4a", "m4b", "mp4", "aac", "wav", "wave", "aif", "aiff", "aifc"),
        *("wma", "ape", "wv", "mpc", "tta", "tak", "caf", "mka", "webm", "dsf", "ac3", "au"),
    )
)
"""What counts as music by its name; anything else in a folder of music is left alone."""

WALKERS: Final = 8
"""Folders listed at a time: at 5 ms a file, 50,000 files take half a minute and not four."""

STEP: Final = 500
"""Files after which a large folder tells how far it is."""

_COVERS: Final = ("cover", "folder", "front")
_IMAGES: Final = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of music, as its folder lists it. `beside` is the cover image in the same folder."""

    path: str
    size_bytes: int
    mtime_ns: int
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file or folder that is skipped, and why."""

    path: str
    why: str


@dataclass(slots=True)
class Listed:
    """A part of a walk. `blind` are folders below which nothing can be seen; `entries` counts names of any kind."""

    found: list[Found] = field(default_factory=list[Found])
    skipped: list[Unreadable] = field(default_factory=list[Unreadable])
    blind: list[str] = field(default_factory=list[str])
    entries: int = 0


@dataclass(slots=True)
class _Folder:
    """One folder, listed to its end. `links` are folders behind symbolic links."""

    identity: tuple[int, int]
    folders: list[str] = field(default_factory=list[str])
    links: list[str] = field(default_factory=list[str])


def walk(root: str) -> Generator[Listed]:
    """Everything below `root`, as it is found; blocking. Each folder is entered once, by its shortest way.

    Folders behind links come last and in order, so that a file has the same path at every walk.
    Raises OSError when `root` itself cannot be listed.
    """
    os.scandir(root).close()
    seen: set[tuple[int, int]] = set()
    links = [root]
    with ThreadPoolExecutor(WALKERS, thread_name_prefix="walk") as pool:
        while links:
            behind: list[str] = []
            for link in links:
                yield from _walk_tree(link, pool, seen, behind)
            links = sorted(behind)


def why(error: OSError) -> str:
    """What the operating system refused, in words."""
    if isinstance(error, PermissionError):
        return "we are not allowed to read it"
    if isinstance(error, FileNotFoundError):
        return "it is not there (any more)"
    return (error.strerror or "it cannot be read").lower()


def _walk_tree(top: str, pool: ThreadPoolExecutor, seen: set[tuple[int, int]], links: list[str]) -> Generator[Listed]:
    told: SimpleQueue[Listed | _Folder] = SimpleQueue()
    pool.submit(_list, top, seen, told)
    open_folders = 1
    while open_folders:
        match told.get():
            case Listed() as part:
                yield part
            case folder:
                open_folders -= 1
                if folder.identity in seen:
                    continue
                seen.add(folder.identity)
                links += folder.links
                for name in folder.folders:
                    pool.submit(_list, name, seen, told)
                open_folders += len(folder.folders)


def _list(folder: str, seen: set[tuple[int, int]], told: SimpleQueue[Listed | _Folder]) -> None:
    """Tell the parts of `folder`, and then, always, the folder itself."""
    end = _Folder((0, 0))
    try:
        status = os.stat(folder)
        end.identity = (status.st_dev, status.st_ino)
        if end.identity not in seen:
            with os.scandir(folder) as entries:
                _tell_entries(sorted(entries, key=lambda entry: entry.name), end, told)
    except OSError as error:
        told.put(Listed(skipped=[Unreadable(_shown(folder), why(error))], blind=[folder]))
    finally:
        told.put(end)


def _tell_entries(entries: list[os.DirEntry[str]], end: _Folder, told: SimpleQueue[Listed | _Folder]) -> None:
    beside = _cover_among(entries)
    part = Listed(entries=len(entries))
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            (end.links if entry.is_symlink() else end.folders).append(entry.path)
        elif os.path.splitext(entry.name)[1].lower() in SUFFIXES:
            _look_at(entry, beside, part)
            if len(part.found) >= STEP:
                told.put(part)
                part = Listed()
    told.put(part)


def _look_at(entry: os.DirEntry[str], beside: str | None, part: Listed) -> None:
    try:
        status = entry.stat()
        entry.path.encode()
    except OSError as error:
        part.skipped.append(Unreadable(_shown(entry.path), why(error)))
        return
    except UnicodeEncodeError:
        part.skipped.append(Unreadable(_shown(entry.path), "its name is not UTF-8"))
        return
    if entry.is_file():
        part.found.append(Found(entry.path, status.st_size, status.st_mtime_ns, beside))


def _cover_among(entries: list[os.DirEntry[str]]) -> str | None:
    """`cover.jpg` and the like, whatever the case."""
    for entry in entries:
        stem, suffix = os.path.splitext(entry.name.casefold())
        if stem in _COVERS and suffix in _IMAGES and _shown(entry.path) == entry.path:
            return entry.path
    return None


def _shown(path: str) -> str:
    return path.encode(errors="replace").decode()
