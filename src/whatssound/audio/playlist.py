"""HLS playlists, written from what is known about a track. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from whatssound.audio.ladder import CODECS, SEGMENT_S, Grid

INIT_NAME = "init.mp4"
MEDIA_TYPE = "application/vnd.apple.mpegurl"


@dataclass(frozen=True, slots=True)
class Variant:
    """One rendition as the master playlist shows it. `average_bps` is known once it was measured."""

    uri: str
    bandwidth_bps: int
    average_bps: int | None = None


def segment_name(segment: int) -> str:
    """The file name of a segment, counted from 0."""
    return f"{segment}.m4s"


def segment_number(name: str) -> int | None:
    """The segment that `name` spells, or None when it spells none."""
    digits = name.removesuffix(".m4s")
    if digits == name or not (digits.isascii() and digits.isdecimal() and len(digits) <= 6):
        return None
    return int(digits) if digits == str(int(digits)) else None


def master(variants: Sequence[Variant]) -> str:
    """The master playlist; players begin with the first variant. Raises ValueError when there is none."""
    if not variants:
        raise ValueError("a master playlist needs a rendition")
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for variant in variants:
        average = f",AVERAGE-BANDWIDTH={variant.average_bps}" if variant.average_bps else ""
        lines += [f'#EXT-X-STREAM-INF:BANDWIDTH={variant.bandwidth_bps}{average},CODECS="{CODECS}"', variant.uri]
    return "\n".join(lines) + "\n"


def media(grid: Grid) -> str:
    """The complete playlist of one rendition; the durations sum up to the track's (to a frame, after a tiny end)."""
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{SEGMENT_S}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        f'#EXT-X-MAP:URI="{INIT_NAME}"',
    ]
    for segment in range(grid.segments):
        lines += [f"#EXTINF:{grid.announced_seconds(segment):.9f},", segment_name(segment)]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"
