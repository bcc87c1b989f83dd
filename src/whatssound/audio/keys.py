"""Names nobody can guess and signatures nobody can forge, from one secret by purpose."""

import base64
import hashlib
import hmac
from collections.abc import Callable

from whatssound.audio.ladder import PROFILE
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal

EXPIRY_STEP_S = 6 * 3600
"""Expiry times are multiples of it, so that the same path is given, and cached, for hours."""

KEY_CHARACTERS = 32
"""160 bits in base32."""


class Keys:
    """Blob keys and signatures of playlist paths.

    `derive` gives a key per purpose from the server's secret (HKDF); `now_ms` is the server's time.
    Rotating what signs playlists touches no blob.
    """

    def __init__(self, derive: Callable[[str], bytes], now_ms: Callable[[], float]) -> None:
        self._blobs = derive("blobs")
        self._playlists = derive("playlists")
        self._now_ms = now_ms

    def blob_key(self, source_sha256: bytes) -> str:
        """Where the renditions of a source file are kept."""
        return self._name(b"audio\0" + source_sha256 + PROFILE)

    def cover_key(self, image_sha256: bytes, suffix: str) -> str:
        """Where a cover is kept: the same image is stored once. `suffix` is `jpg`, `png`, …"""
        return f"{self._name(b'cover' + image_sha256)}.{suffix}"

    def expiry_s(self) -> int:
        """A Unix time 6 to 12 hours ahead."""
        return (int(self._now_ms() / 1000) // EXPIRY_STEP_S + 2) * EXPIRY_STEP_S

    def master_path(self, track_id: TrackId) -> str:
        """The signed path of a track's master playlist."""
        exp = self.expiry_s()
        return f"/audio/tracks/{track_id}/master.m3u8?exp={exp}&sig={self._signature(f'track:{track_id}', exp)}"

    def media_query(self, blob_key: str, exp: int) -> str:
        """The query that opens the media playlists of `blob_key` until `exp`."""
        return f"exp={exp}&sig={self._signature(f'blob:{blob_key}', exp)}"

    def check_master(self, track_id: TrackId, exp: int, sig: str) -> None:
        """Raises Refusal `forbidden` unless `sig` is ours and not expired."""
        self._check(f"track:{track_id}", exp, sig)

    def check_media(self, blob_key: str, exp: int, sig: str) -> None:
        """Raises Refusal `forbidden` unless `sig` is ours and not expired."""
        self._check(f"blob:{blob_key}", exp, sig)

    def _name(self, what: bytes) -> str:
        digest = hmac.new(self._blobs, what, hashlib.sha256).digest()
        return base64.b32encode(digest[:20]).decode().lower()

    def _signature(self, subject: str, exp: int) -> str:
        digest = hmac.new(self._playlists, f"{subject}:{exp}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def _check(self, subject: str, exp: int, sig: str) -> None:
        if not hmac.compare_digest(self._signature(subject, exp).encode(), sig.encode()):
            raise Refusal("forbidden", "This link is not one of ours.")
        if exp * 1000 <= self._now_ms():
            raise Refusal("forbidden", "This link has expired; ask for the room's playback again.")
