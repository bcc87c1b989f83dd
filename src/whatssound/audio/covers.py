"""Which bytes count as a cover. Pure; images are never decoded here."""

from typing import Final

MAX_COVER_BYTES: Final = 8 * 1024 * 1024
"""Larger ones are left out: a page shows many covers at once."""

TYPES: Final = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif"}
"""What every browser shows and no browser executes (SVG could carry scripts)."""


def suffix_of(image: bytes) -> str | None:
    """`jpg`, `png`, `webp` or `gif` by the first bytes; None for anything else, or when it is too large."""
    if len(image) > MAX_COVER_BYTES:
        return None
    if image.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    return "gif" if image[:6] in (b"GIF87a", b"GIF89a") else None
