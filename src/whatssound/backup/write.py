"""Writes a backup, whether or not the server runs."""

import hashlib
import os
import secrets
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from whatssound import __version__
from whatssound.adapters import sqlite_files as database
from whatssound.adapters.data_folder import DataFolder
from whatssound.backup.contents import DATABASES, FILES, FOLDERS, MANIFEST, Entry, Manifest
from whatssound.config import StartError
from whatssound.http.uploads import INCOMING

OnBytes = Callable[[int], None]
"""Told how many bytes more are done."""

_COMPRESSED: Final = (".tar.gz", ".tgz")
_PLAIN: Final = (".tar",)

COMPRESSION: Final = 3
"""Music does not shrink; chat does by four fifths, and higher levels take longer than the disk."""


def write_backup(data: Path, target: Path, *, now_ms: float, on_total: OnBytes, on_bytes: OnBytes) -> Manifest:
    """Put everything of the data folder that cannot be made again into `target`, which appears only when it is whole.

    Everything that was acknowledged before the call is in it. Readable by its owner alone: it holds the secret.
    Raises StartError, with advice; OSError when the disk is full.
    """
    folder = DataFolder(data)
    _check(folder, target)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file, tempfile.TemporaryDirectory(dir=target.parent, prefix=".copy-") as at:
            manifest = _write(folder, file, target, Path(at), now_ms=now_ms, on_total=on_total, on_bytes=on_bytes)
            file.flush()
            os.fsync(file.fileno())
        os.link(beside, target)
        sync_folder(target.parent)
    except FileExistsError:
        raise StartError(f"{target} exists already; give another name.") from None
    finally:
        beside.unlink(missing_ok=True)
    return manifest


def _check(folder: DataFolder, target: Path) -> None:
    if not target.name.endswith((*_COMPRESSED, *_PLAIN)):
        raise StartError(f"A backup's name ends in .tar.gz or .tar; {target.name} does not.")
    if target.exists():
        raise StartError(f"{target} exists already; give another name.")
    if not target.parent.is_dir():
        raise StartError(f"There is no folder {target.parent}.")
    if not folder.database.is_file():
        raise StartError(f"There is nothing to back up in {folder.root}; name the data folder with --data.")


def _write(
    folder: DataFolder,
    file: BinaryIO,
    target: Path,
    copies: Path,
    *,
    now_ms: float,
    on_total: OnBytes,
    on_bytes: OnBytes,
) -> Manifest:
    # Databases first: a file that a track names later is only one too many, one that is missing would be a loss.
    for name in DATABASES:
        if (folder.root / name).is_file():
            database.copy(folder.root / name, copies / name)
    found = [*_files_of(copies, folder.root)]
    on_total(sum(path.stat().st_size for _, path in found if path.is_file()))
    entries: dict[str, Entry] = {}
    with _archive(file, compressed=target.name.endswith(_COMPRESSED)) as archive:
        for name, path in found:
            if (entry := _add(archive, name, path, on_bytes)) is not None:
                entries[name] = entry
        manifest = Manifest(
            __version__, database.revision(copies / DATABASES[-1]), str(folder.root), int(now_ms), entries
        )
        written = msgspec.json.format(msgspec.json.encode(manifest))
        archive.addfile(_info(MANIFEST, len(written), now_ms / 1_000), BytesIO(written))
    return manifest


def _archive(file: BinaryIO, *, compressed: bool) -> tarfile.TarFile:
    if compressed:
        return tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION)
    return tarfile.open(fileobj=file, mode="w:")


def _files_of(copies: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """Every file that belongs in it, by its name in the archive."""
    for name in DATABASES:
        if (copies / name).is_file():
            yield name, copies / name
    for name in FILES:
        if (root / name).is_file():
            yield name, root / name
    for top in FOLDERS:
        for path in sorted((root / top).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith(INCOMING):
                yield path.relative_to(root).as_posix(), path


def _add(archive: tarfile.TarFile, name: str, path: Path, on_bytes: OnBytes) -> Entry | None:
    """Put one file in; None when its owner removed it meanwhile."""
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return None
    with source:
        status = os.fstat(source.fileno())
        reader = _Hashed(source, on_bytes)
        archive.addfile(_info(name, status.st_size, status.st_mtime), reader)  # pyright: ignore[reportArgumentType]
    return Entry(status.st_size, reader.sha256.hexdigest())


def _info(name: str, size_bytes: int, at_s: float) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size_bytes, 0o600, int(at_s)
    return info


class _Hashed:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, on_bytes: OnBytes) -> None:
        self._file = file
        self._on_bytes = on_bytes
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._file.read(size)
        self.sha256.update(data)
        self._on_bytes(len(data))
        return data


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
