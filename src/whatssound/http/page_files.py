"""The built page as it is kept in memory: a few files, each compressed once, when it is first asked for."""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Final

FOREVER: Final = "public, max-age=31536000, immutable"
ASK_FIRST: Final = "no-cache"

BASE: Final = '<base href="/" />'
"""How web/index.html writes it."""

_COMPRESSED: Final = (
    "text/",
    "application/json",
    "application/javascript",
    "image/svg+xml",
    "application/manifest+json",
)
_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
    ".map": "application/json",
}
"""Said by us: what the operating system's table says differs (Windows knows `.js` as text/plain)."""


@dataclass(frozen=True)
class PageFile:
    """One file of the page."""

    data: bytes
    etag: str
    media_type: str
    cache: str

    @cached_property
    def gzipped(self) -> bytes | None:
        """The same, compressed; None where that gains nothing."""
        if not self.media_type.startswith(_COMPRESSED):
            return None
        gzipped = gzip.compress(self.data, mtime=0)
        return gzipped if len(gzipped) < len(self.data) else None


@dataclass(frozen=True, slots=True)
class Page:
    """The page's files by their path in the address (`index.html`, `assets/…`); empty when it was never built."""

    files: Mapping[str, PageFile]

    @property
    def index(self) -> PageFile | None:
        """The page itself, or None when it was never built."""
        return self.files.get("index.html")


def load(folder: Path, *, public_path: str = "") -> Page:
    """The page built into `folder`. What lies under `assets/` has a hash in its name and may be kept forever.

    The page makes every address from its `<base>`, which is where it learns that it is served under `public_path`.
    """
    if not (folder / "index.html").is_file():
        return Page({})
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): _read(path, folder) for path in found}
    index = files["index.html"].data.replace(BASE.encode(), based(public_path).encode(), 1)
    return Page({**files, "index.html": _file(index, "text/html", ASK_FIRST)})


def based(public_path: str) -> str:
    """The element that says where the page's addresses begin."""
    return BASE.replace('"/"', f'"{escape(public_path)}/"')


def _read(path: Path, folder: Path) -> PageFile:
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    cache = FOREVER if path.relative_to(folder).parts[0] == "assets" else ASK_FIRST
    return _file(path.read_bytes(), media_type, cache)


def _file(data: bytes, media_type: str, cache: str) -> PageFile:
    return PageFile(data, f'"{hashlib.sha256(data).hexdigest()[:32]}"', media_type, cache)
