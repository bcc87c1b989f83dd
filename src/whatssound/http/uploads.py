"""Takes a file out of a multipart form, straight to the disk it stays on."""

import os
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from anyio import to_thread
from litestar import Request
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from multipart import (  # pyright: ignore[reportMissingTypeStubs]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from whatssound.http.problems import disk_full, is_disk_full
from whatssound.http.quotas import FORM_BYTES, Share
from whatssound.wire.errors import Refusal

WRITE_BYTES: Final = 1024 * 1024
"""Written at once: one hop to a thread per MiB, and one MiB of memory per upload."""

INCOMING: Final = "incoming-"
"""Begins the names of files that still arrive; a kept one begins with its track's id."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An arrived file. Whoever moves `path` away keeps it; otherwise it is gone with the request."""

    path: Path
    filename: str
    size_bytes: int


@asynccontextmanager
async def received_file(
    request: Request[Any, Any, Any], folder: Path, *, limit_bytes: int, share: Share | None = None
) -> AsyncGenerator[Upload]:
    """The `file` of the request's form, on disk in `folder`, of `limit_bytes` and within its owner's `share` at most.

    Raises Refusal `invalid`, `unsupported`, `too_large` (from the announced length already) or `disk_full`; then
    nothing is left behind.
    """
    boundary = _boundary(request)
    _check_announced(request.content_length, folder, limit_bytes)
    path = folder / f"{INCOMING}{secrets.token_hex(16)}"
    try:
        with await to_thread.run_sync(_open, path) as file:
            incoming = _Incoming(file, limit_bytes, share)
            await _receive(request, PushMultipartParser(boundary, max_segment_count=32), incoming)
            filename = await incoming.finish()
        yield Upload(path, filename, incoming.size_bytes)
    except OSError as problem:
        raise (disk_full() if is_disk_full(problem) else problem) from problem
    finally:
        await to_thread.run_sync(lambda: path.unlink(missing_ok=True))


def forget_abandoned(folder: Path) -> int:
    """Delete what a killed server left half-uploaded; how many files that were.

    To be called at the start, under the data folder's lock: nobody else uploads into it then.
    """
    left = list(folder.glob(f"{INCOMING}*"))
    for part in left:
        part.unlink(missing_ok=True)
    return len(left)


class _Incoming:
    """The file while it arrives: buffered, written, counted."""

    def __init__(self, file: BinaryIO, limit_bytes: int, share: Share | None) -> None:
        self._file = file
        self._share = share
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._filename: str | None = None
        self._form_bytes = 0
        self._taking = False
        self.size_bytes = 0

    def begin(self, part: MultipartSegment) -> None:
        """A part of the form begins; the first one called `file` with a filename is the one."""
        self._taking = self._filename is None and part.name == "file" and part.filename is not None
        if self._taking:
            self._filename = part.filename

    async def take(self, data: bytes) -> None:
        """Some bytes of the part. Raises Refusal `too_large`."""
        if not self._taking:
            self._form_bytes += len(data)
            if self._form_bytes > FORM_BYTES:
                raise Refusal("invalid", "Send the music as the form's `file`, with its file name, and little else.")
            return
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise _too_large(self._limit_bytes)
        if self._share is not None:
            self._share.grew(self.size_bytes)
        self._buffer += data
        if len(self._buffer) >= WRITE_BYTES:
            await self._write()

    async def finish(self) -> str:
        """Everything arrived: make it durable. The file's name. Raises Refusal `invalid` when there was no file."""
        if self._filename is None:
            raise Refusal("invalid", "This form has no `file`. Send the music as multipart form field `file`.")
        await self._write()
        await to_thread.run_sync(_sync, self._file)
        return _plain_name(self._filename)

    async def _write(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        await to_thread.run_sync(self._file.write, data)


async def _receive(request: Request[Any, Any, Any], parser: PushMultipartParser, incoming: _Incoming) -> None:
    try:
        async for chunk in _body(request):
            for event in parser.parse(chunk):
                if isinstance(event, MultipartSegment):
                    incoming.begin(event)
                elif event is not None:
                    await incoming.take(bytes(event))
        parser.close()
    except MultipartError as error:
        raise Refusal("invalid", f"This is not a whole multipart form: {error}.") from error


async def _body(request: Request[Any, Any, Any]) -> AsyncGenerator[bytes]:
    """The request's body as it arrives. Not `request.stream`: a client that leaves is no error of ours."""
    more = True
    while more:
        event = await request.receive()
        if event["type"] == "http.disconnect":
            raise Refusal("invalid", "The upload broke off.")
        if event["type"] == "http.request":
            more = event.get("more_body", False)
            if event["body"]:
                yield event["body"]


def _boundary(request: Request[Any, Any, Any]) -> str:
    kind, options = request.content_type
    if kind != "multipart/form-data":
        raise Refusal("unsupported", "Upload music as multipart/form-data, in a field called `file`.")
    boundary = options.get("boundary", "")
    if not 1 <= len(boundary) <= 200 or not boundary.isascii() or not boundary.isprintable():
        raise Refusal("invalid", "The Content-Type's boundary is missing or malformed.")
    return boundary


def _check_announced(announced_bytes: int | None, folder: Path, limit_bytes: int) -> None:
    if announced_bytes is None:
        return
    if announced_bytes > limit_bytes + FORM_BYTES:
        raise _too_large(limit_bytes)
    if folder.exists() and announced_bytes > shutil.disk_usage(folder).free:
        raise disk_full()


def _too_large(limit_bytes: int) -> Refusal:
    return Refusal(
        "too_large",
        f"A file may have at most {limit_bytes / 1024**2:,.0f} MiB.",
        details={"limit_bytes": limit_bytes},
    )


def _open(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _plain_name(filename: str) -> str:
    """The file's own name, without folders (either slash) and control characters, of 200 characters at most."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[-200:] or "upload"


_FORM: Final = RequestBody(
    required=True,
    content={
        "multipart/form-data": OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={"file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")},
                required=["file"],
            )
        )
    },
)


@dataclass
class UploadOperation(Operation):
    """OpenAPI of a route that takes a form with a file: its body is read by hand, so the framework cannot see it."""

    def __post_init__(self) -> None:
        self.request_body = _FORM
