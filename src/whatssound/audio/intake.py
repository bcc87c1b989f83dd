"""From a file and its tags to a track."""

import contextlib
import hashlib
from dataclasses import dataclass

from whatssound.audio import albums
from whatssound.audio.blobs import BlobStore
from whatssound.audio.folder import Found
from whatssound.audio.folder_names import FolderNames, title_of
from whatssound.audio.keys import Keys
from whatssound.audio.store import Changes
from whatssound.audio.tags import READER_VERSION, Asked, FolderReader, Tags
from whatssound.audio.track import Source, Track
from whatssound.ids import Snowflakes, TrackId


@dataclass(frozen=True, slots=True)
class Intake:
    """Makes tracks; keeps their covers, each image once."""

    reader: FolderReader
    blobs: BlobStore
    keys: Keys
    ids: Snowflakes
    kept: set[str]
    """Cover keys that are known to be kept: 50,000 tracks have a few thousand covers."""

    def next_id(self) -> TrackId:
        """The id of a new track."""
        return TrackId(self.ids.next())

    async def track(self, found: Found, tags: Tags, names: FolderNames, source: Source, id: TrackId) -> Track:
        """A new track. Tags come first; where they are silent, the names of file and folders tell."""
        artist = tags.artist or names.artist
        album = tags.album or names.album
        return Track(
            id=id,
            source=source,
            path=found.path,
            title=tags.title or names.title,
            artist=artist,
            album=album,
            duration_ms=tags.duration_ms,
            status="available",
            cover_key=await self._cover_key(found, tags),
            size_bytes=found.size_bytes,
            mtime_ns=found.mtime_ns,
            album_artist=tags.album_artist,
            track_number=tags.track_number or names.track_number,
            disc_number=tags.disc_number or names.disc_number,
            year=tags.year or (names.year if tags.album is None else None),
            album_key=albums.album_key(album, tags.album_artist, names.folder),
            credited=albums.credited(artist, tags.album_artist),
            sound=tags.sound,
            tags_version=READER_VERSION,
        )

    async def _cover_key(self, found: Found, tags: Tags) -> str | None:
        """A cover that cannot be kept is left out."""
        if tags.cover is None:
            return None
        key = self.keys.cover_key(bytes.fromhex(tags.cover.sha256), tags.cover.suffix)
        if key in self.kept:
            return key
        with contextlib.suppress(OSError):
            if await self.blobs.find(f"covers/{key}") is None:
                image = await self.reader.cover(Asked(found.path, found.beside))
                if image is None or hashlib.sha256(image).hexdigest() != tags.cover.sha256:
                    return None
                await self.blobs.put(f"covers/{key}", image)
            self.kept.add(key)
            return key
        return None


def upload_names(filename: str) -> FolderNames:
    """An uploaded file has a name and no place."""
    return FolderNames(title_of(filename), "")


def described(track: Track) -> Changes:
    """What tags and place say of `track`, as changes of the one that is kept; nothing about its sound."""
    return {
        "path": track.path,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "cover_key": track.cover_key,
        "size_bytes": track.size_bytes,
        "mtime_ns": track.mtime_ns,
        "offline": False,
        "album_artist": track.album_artist,
        "track_number": track.track_number,
        "disc_number": track.disc_number,
        "year": track.year,
        "album_key": track.album_key,
        "credited": track.credited,
        "sound": track.sound,
        "tags_version": track.tags_version,
    }


def replaced(track: Track) -> Changes:
    """The same for another content: what was known of the sound is void."""
    return {
        **described(track),
        "duration_ms": track.duration_ms,
        "status": "available",
        "reason": None,
        "samples": None,
        "rate_hz": None,
        "loudness_lufs": None,
        "true_peak_db": None,
        "peaks": None,
        "blob_key": None,
    }
