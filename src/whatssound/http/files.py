"""Sends stored files: whole, in part, or only the news that they have not changed."""

import re
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from anyio import AsyncFile, open_file, to_thread
from litestar import Request, Response
from litestar.response import Stream

from whatssound.audio.blobs import BlobFile
from whatssound.http import problems
from whatssound.wire.errors import Refusal

AT_ONCE_BYTES: Final = 1024 * 1024
"""Files up to this size (every segment) are read with one hop to a thread and sent in one piece."""

CHUNK_BYTES: Final = 256 * 1024

FOREVER: Final = "public, max-age=31536000, immutable"
"""For what can never change under its name."""

_ONE_RANGE: Final = re.compile(r"^bytes=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*$", re.IGNORECASE | re.ASCII)


class Span(NamedTuple):
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """How many bytes that are."""
        return self.last - self.first + 1


def span_of(header: str | None, size_bytes: int) -> Span | None:
    """What a Range header asks for; None for everything: no header, one we cannot read, or several ranges at once.

    Raises Refusal `range_not_satisfiable` when no byte of it exists (RFC 9110 §14).
    """
    match = _ONE_RANGE.match(header or "")
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.group(1, 2)
    if not first:
        span = Span(max(0, size_bytes - int(last)), size_bytes - 1)
        possible = int(last) > 0 and size_bytes > 0
    else:
        span = Span(int(first), min(int(last or size_bytes), size_bytes - 1))
        if last and int(last) < int(first):
            return None
        possible = span.first < size_bytes
    if not possible:
        raise Refusal("range_not_satisfiable", f"This file has {size_bytes} bytes.", details={"bytes": size_bytes})
    return span


def is_unchanged(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this version already."""
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in known or etag in known


async def send(
    request: Request[Any, Any, Any],
    blob: BlobFile,
    *,
    cache: str = FOREVER,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Response[Any]:
    """The response that carries `blob`: 200, 206, 304 or 416, for GET and HEAD.

    The file is opened before the answer begins: what is removed meanwhile is still sent to its end. Raises Refusal
    `not_found` when it was removed before.
    """
    headers = {**headers, "ETag": blob.etag, "Cache-Control": cache, "Accept-Ranges": "bytes"}
    if is_unchanged(request.headers.get("if-none-match"), blob.etag):
        return Response(b"", status_code=304, headers=headers, media_type=blob.media_type)
    try:
        span = span_of(_range_of(request, blob.etag), blob.size_bytes)
    except Refusal as refusal:
        return problems.answer(refusal, {"Content-Range": f"bytes */{blob.size_bytes}"})
    if span is None:
        return await _carry(request, blob, Span(0, blob.size_bytes - 1), 200, headers)
    headers["Content-Range"] = f"bytes {span.first}-{span.last}/{blob.size_bytes}"
    return await _carry(request, blob, span, 206, headers)


def _range_of(request: Request[Any, Any, Any], etag: str) -> str | None:
    """The Range header, unless If-Range says that it was meant for another version."""
    if request.headers.get("if-range", etag) != etag:
        return None
    return request.headers.get("range")


async def _carry(
    request: Request[Any, Any, Any], blob: BlobFile, span: Span, status: int, headers: Mapping[str, str]
) -> Response[Any]:
    described = {**headers, "Content-Length": str(span.size_bytes), "Content-Type": blob.media_type}
    if request.method == "HEAD":
        return Response(b"", status_code=status, headers=described, media_type=blob.media_type)
    try:
        if span.size_bytes > AT_ONCE_BYTES:
            chunks = _chunks(await open_file(blob.path, "rb"), span)
            return Stream(chunks, status_code=status, headers=described, media_type=blob.media_type)
        data = await to_thread.run_sync(_read, blob.path, span)
    except FileNotFoundError as error:
        raise Refusal("not_found", "This is no longer here.") from error
    return Response(data, status_code=status, headers=described, media_type=blob.media_type)


def _read(path: Path, span: Span) -> bytes:
    with path.open("rb") as file:
        file.seek(span.first)
        return file.read(span.size_bytes)


async def _chunks(opened: AsyncFile[bytes], span: Span) -> AsyncGenerator[bytes]:
    left = span.size_bytes
    async with opened as file:
        await file.seek(span.first)
        while left > 0 and (data := await file.read(min(left, CHUNK_BYTES))):
            left -= len(data)
            yield data
