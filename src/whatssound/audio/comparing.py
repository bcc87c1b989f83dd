"""What a walk and the database say of each other. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from whatssound.audio.folder import Found
from whatssound.audio.store import KnownFile
from whatssound.audio.tags import READER_VERSION
from whatssound.ids import TrackId


@dataclass(frozen=True, slots=True)
class Seen:
    """A walk of one folder. `blind` are folders below which it could see nothing."""

    found: Sequence[Found]
    blind: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """A file whose tags must be read; `known` is its track, when it has one."""

    found: Found
    known: KnownFile | None


@dataclass(slots=True)
class Differences:
    """What to do after a walk. `hidden` are known files that no walk could see or miss: ask for each."""

    readings: list[Reading] = field(default_factory=list[Reading])
    back: list[TrackId] = field(default_factory=list[TrackId])
    gone: list[KnownFile] = field(default_factory=list[KnownFile])
    hidden: list[KnownFile] = field(default_factory=list[KnownFile])


def compared(seen: Seen, known: Iterable[KnownFile]) -> Differences:
    """`known` are the tracks of this folder, uploads that lie in it included: those are left alone."""
    differences = Differences()
    by_path = {file.path: file for file in known}
    for found in seen.found:
        file = by_path.pop(found.path, None)
        if file is not None and file.source != "library":
            continue
        if file is None or not _same(file, found):
            differences.readings.append(Reading(found, file))
        elif file.offline:
            differences.back.append(file.id)
    for file in by_path.values():
        if file.source == "library":
            hidden = any(is_below(file.path, folder) for folder in seen.blind)
            (differences.hidden if hidden else differences.gone).append(file)
    return differences


def is_below(path: str, folder: str) -> bool:
    """Whether `path` lies somewhere in `folder`."""
    return path != folder and path.startswith(folder if folder.endswith("/") else f"{folder}/")


def outermost(folders: Iterable[str]) -> list[str]:
    """Without folders that lie in another one, and each once."""
    different = list(dict.fromkeys(folders))
    return [folder for folder in different if not any(is_below(folder, other) for other in different)]


def folder_of(path: str, folders: Collection[str]) -> str | None:
    """That one of the outermost folders which holds `path`."""
    return next((folder for folder in folders if is_below(path, folder)), None)


def _same(file: KnownFile, found: Found) -> bool:
    return (file.size_bytes, file.mtime_ns, file.tags_version) == (found.size_bytes, found.mtime_ns, READER_VERSION)
