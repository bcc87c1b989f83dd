"""Which renditions are finished, remembered so that a playlist costs no disk access."""

from collections import OrderedDict

from whatssound.audio import ladder
from whatssound.audio.blobs import BlobStore
from whatssound.audio.rendition import MAX_ABOUT_BYTES, About, about_name, decoded_about
from whatssound.audio.schedule import Stage

REMEMBERED = 10_000
"""Descriptions kept in memory, about 300 bytes each."""


class Renditions:
    """Finished renditions in the blob store. Only finished ones are remembered: they never become unfinished."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._known: OrderedDict[tuple[str, int], About] = OrderedDict()

    async def about(self, blob_key: str, kbps: int) -> About | None:
        """What is known of a finished rendition; None while it is not."""
        key = (blob_key, kbps)
        if (known := self._known.get(key)) is not None:
            self._known.move_to_end(key)
            return known
        data = await self._blobs.read(about_name(blob_key, kbps), limit_bytes=MAX_ABOUT_BYTES)
        about = None if data is None else decoded_about(data)
        if about is not None:
            self._known[key] = about
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return about

    async def missing(self, blob_key: str) -> Stage | None:
        """The first stage of an encode that has something left to do."""
        if await self.about(blob_key, ladder.FIRST) is None:
            return "first"
        for kbps in ladder.REST:
            if await self.about(blob_key, kbps) is None:
                return "rest"
        return None

    def forget(self, blob_key: str) -> None:
        """Look again next time: a segment turned out to be gone."""
        for rung in ladder.LADDER:
            self._known.pop((blob_key, rung.kbps), None)
