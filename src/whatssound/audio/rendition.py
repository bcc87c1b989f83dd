"""What is remembered of a finished rendition, as a blob beside its segments. Pure."""

import msgspec

from whatssound.audio.encoder import RenditionDone
from whatssound.ids import TrackId


class About(msgspec.Struct, frozen=True):
    """Stored last: where it is, every segment is. Bit rates are measured."""

    segments: int
    peak_bps: int
    average_bps: int


MAX_ABOUT_BYTES = 4096


def about_name(blob_key: str, kbps: int) -> str:
    """The name of the blob that describes a finished rendition."""
    return f"{blob_key}/{kbps}/about.json"


def file_name(blob_key: str, kbps: int, name: str) -> str:
    """The name of the blob of `init.mp4` or a segment."""
    return f"{blob_key}/{kbps}/{name}"


def ogg_name(blob_key: str, track_id: TrackId) -> str:
    """The name of the Ogg file. It carries the track's tags, so each track of the same bytes has its own."""
    return f"{blob_key}/ogg/{track_id}.ogg"


def encoded_about(done: RenditionDone) -> bytes:
    """The blob's content."""
    return msgspec.json.encode(About(done.segments, done.peak_bps, done.average_bps))


def decoded_about(data: bytes) -> About | None:
    """None for content that is not ours (then the rendition counts as missing)."""
    try:
        return msgspec.json.decode(data, type=About)
    except msgspec.MsgspecError:
        return None
