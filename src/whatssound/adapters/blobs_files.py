"""Blobs as files below one folder."""

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from whatssound.audio.blobs import BlobFile

_NAME = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,99}(/[a-z0-9_-][a-z0-9._-]{0,99}){0,5}")
_GONE = ".gone-"
"""Begins the names of what is being removed."""

_TYPES = {
    ".mp4": "audio/mp4",
    ".m4s": "audio/mp4",
    ".ogg": "audio/ogg",
    ".json": "application/json",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
}


class FileBlobs:
    """BlobStore over the folder `root`, which is made when it is missing.

    A file is written beside its place under a name that no blob can have, then renamed; what is removed gets such a
    name first.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    async def put(self, name: str, data: bytes) -> None:
        """See BlobStore."""
        await asyncio.to_thread(self._put, self._path(name), data)

    async def put_files(self, files: Mapping[str, Path]) -> None:
        """See BlobStore."""
        await asyncio.to_thread(self._put_files, {self._path(name): file for name, file in files.items()})

    async def find(self, name: str) -> BlobFile | None:
        """See BlobStore. One `stat` on the loop: a thread would cost twenty times as much."""
        return _described(self._path(name))

    async def read(self, name: str, *, limit_bytes: int) -> bytes | None:
        """See BlobStore."""
        return await asyncio.to_thread(_read, self._path(name), limit_bytes)

    async def children(self, prefix: str = "") -> list[str]:
        """See BlobStore."""
        return await asyncio.to_thread(_children, self._path(prefix) if prefix else self._root)

    async def size(self, prefix: str) -> int:
        """See BlobStore."""
        return await asyncio.to_thread(_size, self._path(prefix))

    async def remove(self, *prefixes: str) -> None:
        """See BlobStore."""
        await asyncio.to_thread(self._remove, [self._path(prefix) for prefix in prefixes])

    async def tidy(self) -> None:
        """See BlobStore."""
        await asyncio.to_thread(self._tidy)

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"not a blob's name: {name[:80]!r}")
        return self._root / name

    def _put(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = _scratch(path)
        try:
            scratch.write_bytes(data)
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)

    def _remove(self, paths: list[Path]) -> None:
        for path in paths:
            gone = self._root / f"{_GONE}{secrets.token_hex(8)}"
            try:
                path.rename(gone)
            except (FileNotFoundError, NotADirectoryError):
                continue
            _delete(gone)

    def _tidy(self) -> None:
        for gone in self._root.glob(f"{_GONE}*"):
            _delete(gone)

    def _put_files(self, files: Mapping[Path, Path]) -> None:
        for path, file in files.items():
            self._put_file(path, file)

    def _put_file(self, path: Path, file: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.replace(path)
        except OSError:
            scratch = _scratch(path)
            try:
                shutil.copyfile(file, scratch)
                scratch.replace(path)
            finally:
                scratch.unlink(missing_ok=True)
            file.unlink()


def _scratch(path: Path) -> Path:
    return path.with_name(f".{secrets.token_hex(8)}")


def _described(path: Path) -> BlobFile | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    kind = _TYPES.get(path.suffix, "application/octet-stream")
    return BlobFile(path=path, size_bytes=status.st_size, etag=etag, media_type=kind)


def _read(path: Path, limit_bytes: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(limit_bytes + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(data) > limit_bytes:
        raise ValueError(f"a blob of more than {limit_bytes} bytes: {path.name}")
    return data


def _children(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _size(path: Path) -> int:
    """Scratch files that a kill left behind count too: they take the same room. What vanishes meanwhile does not."""
    total, waiting = 0, [path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except NotADirectoryError:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
