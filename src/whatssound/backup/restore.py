"""Makes a data folder from a backup: all of it, or nothing."""

import hashlib
import os
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import msgspec

from whatssound.adapters import sqlite_files as database
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.sql.migrations import knows
from whatssound.backup.contents import DATABASES, MANIFEST, Entry, Manifest, belongs
from whatssound.backup.write import OnBytes, sync_folder
from whatssound.config import StartError

MANIFEST_BYTES: Final = 256 * 1024**2
"""Names and hashes of two million files."""

CHUNK_BYTES: Final = 1024**2

_STAGING: Final = ".restoring-"
"""What the folder is called while it fills; one that a killed restore left does not count."""

_MADE_BY_LOCKING: Final = ("lock", "uploads", "blobs")
"""What a data folder may hold and still count as empty, when these are empty, too."""


def restore(archive: Path, data: Path, *, on_total: OnBytes, on_bytes: OnBytes) -> Manifest:
    """Fill the missing or empty folder `data` from `archive`, once every byte of it has proved right.

    Raises StartError for a folder with something in it, for a damaged archive and for one of a newer version; nothing
    is left behind then.
    """
    if not archive.is_file():
        raise StartError(f"There is no file {archive}.")
    folder = DataFolder(data)
    was_there = folder.root.is_dir()
    _refuse_full(folder.root)
    with folder:
        _refuse_full(folder.root)
        try:
            manifest = _restored(archive, folder.root, on_total=on_total, on_bytes=on_bytes)
        except BaseException:
            # It was empty and is locked: all that is in it is ours.
            _clear(folder.root, whole=not was_there)
            raise
    return manifest


def _restored(archive: Path, root: Path, *, on_total: OnBytes, on_bytes: OnBytes) -> Manifest:
    for killed in root.glob(f"{_STAGING}*"):
        shutil.rmtree(killed)
    staging = root / f"{_STAGING}{secrets.token_hex(4)}"
    staging.mkdir(mode=0o700)
    manifest = _checked_copy(archive, staging, on_total=on_total, on_bytes=on_bytes)
    database.moved(staging / DATABASES[-1], manifest.root, str(root))
    _move_in(staging, root)
    return manifest


def _refuse_full(root: Path) -> None:
    if root.exists() and (not root.is_dir() or not _is_empty(root)):
        raise StartError(f"{root} is not empty, and nothing is overwritten; name another folder with --data.")


def _is_empty(root: Path) -> bool:
    return all(
        path.name.startswith(_STAGING)
        or (path.name in _MADE_BY_LOCKING and not (path.is_dir() and any(path.iterdir())))
        for path in root.iterdir()
    )


def _checked_copy(archive: Path, staging: Path, *, on_total: OnBytes, on_bytes: OnBytes) -> Manifest:
    """Everything of the archive in `staging`, compared with its manifest."""
    on_total(archive.stat().st_size)
    with _damage_told(archive):
        found, manifest = _unpack(archive, staging, on_bytes)
        if manifest is None or found != manifest.files or DATABASES[-1] not in found:
            raise ValueError("its contents are not what its list says")
        if manifest.schema and not knows(manifest.schema):
            raise StartError(
                f"{archive} was made by a newer WhatsSound ({manifest.version}); upgrade, then restore it."
            )
        for name in DATABASES:
            if name in found and (complaint := database.complaint(staging / name)) is not None:
                raise ValueError(f"{name}: {complaint}")
    return manifest


@contextmanager
def _damage_told(archive: Path) -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, ValueError, msgspec.MsgspecError) as problem:
        why = str(problem).partition("\n")[0]
        raise StartError(f"{archive} is damaged or no backup ({why}). Nothing was restored.") from problem


def _unpack(archive: Path, staging: Path, on_bytes: OnBytes) -> tuple[dict[str, Entry], Manifest | None]:
    found: dict[str, Entry] = {}
    manifest = None
    with archive.open("rb") as file, tarfile.open(fileobj=file, mode="r:*") as source:
        done = 0
        for member in source:
            content = source.extractfile(member) if member.isreg() else None
            if content is None or manifest is not None or member.name in found:
                raise ValueError(f"{member.name!r} should not be in it")
            if member.name == MANIFEST:
                manifest = msgspec.json.decode(content.read(MANIFEST_BYTES), type=Manifest)
            elif belongs(member.name):
                found[member.name] = _copied(content, staging / member.name)
            else:
                raise ValueError(f"{member.name!r} should not be in it")
            on_bytes(file.tell() - done)
            done = file.tell()
    return found, manifest


def _copied(content: IO[bytes], target: Path) -> Entry:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := content.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return Entry(size, digest.hexdigest())


def _move_in(staging: Path, root: Path) -> None:
    """Give everything its place, the database last: a folder without it is one that nobody has used yet."""
    for top in staging.iterdir():
        if (root / top.name).is_dir():
            (root / top.name).rmdir()  # made empty by the lock
    for path in sorted(staging.iterdir(), key=lambda path: path.name == DATABASES[-1]):
        path.rename(root / path.name)
    staging.rmdir()
    sync_folder(root)


def _clear(root: Path, *, whole: bool) -> None:
    """Take away what a restore that failed has made."""
    for path in root.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if whole:
        root.rmdir()
