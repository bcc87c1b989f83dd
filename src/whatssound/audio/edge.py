"""What players ask for: signed playlists, unguessable segments, covers."""

from whatssound.audio.blobs import BlobFile
from whatssound.ids import TrackId


class Edge:
    """Serves what is encoded, and waits a little for what is being encoded."""

    async def master(self, track_id: TrackId, exp: int, sig: str) -> str:
        """The master playlist of a track; a track that is not encoded yet is put in front of the queue.

        Served at `/audio/tracks/<track_id>/master.m3u8?exp=<unix s>&sig=<…>`. Raises Refusal: `forbidden` (wrong or
        expired signature), `not_found`, `unavailable` with `retry_after_ms` (the encoder is still busy after 8 s),
        `unsupported` (this track cannot be read; the message says why).
        """
        raise NotImplementedError

    async def media(self, blob_key: str, kbps: int, exp: int, sig: str) -> str:
        """The complete media playlist of one rendition, also while it is being encoded.

        Served at `/audio/<blob_key>/<kbps>/index.m3u8?exp&sig`. Raises Refusal `forbidden`, `not_found`, `unavailable`.
        """
        raise NotImplementedError

    async def segment(self, blob_key: str, kbps: int, name: str) -> BlobFile:
        """`init.mp4` or `<n>.m4s` of a rendition; waits up to 8 s for one that is being encoded.

        Served at `/audio/<blob_key>/<kbps>/<name>`, `Cache-Control: public, max-age=31536000, immutable`.
        Raises Refusal `not_found`, or `unavailable` with `retry_after_ms` when the wait was too short.
        """
        raise NotImplementedError

    async def cover(self, key: str) -> BlobFile:
        """A cover image, with its `media_type`. Served at `/audio/covers/<key>`. Raises Refusal `not_found`."""
        raise NotImplementedError
