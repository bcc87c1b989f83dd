"""The exact length of a file, found before it is encoded: playlists are complete from the start."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from whatssound.adapters.media.claims import counts_its_frames, is_cut
from whatssound.adapters.media.reasons import Unreadable, too_early
from whatssound.adapters.media.source import AvSource, Source, audio_stream, open_container

TOLERANCE_S: Final = 1.0
"""What may be missing at the end without a complaint: many encoders write headers that are a little off."""

_EXACT_BY_PACKETS: Final = ("wav", "aiff", "flac", "mp3", "aac", "mov,mp4,m4a,3gp,3g2,mj2")
"""Containers whose packet durations, less what decoders must skip, sum up to the decoded samples. For MP4 they are
the truth even where FFmpeg's decoder gives up to a frame more."""

_LONGEST_COUNT_S: Final = 1800
"""Other containers are decoded to be counted (700 times faster than they sound), unless they are longer than this."""


@dataclass(frozen=True, slots=True)
class _Packets:
    samples: int
    claimed: int | None
    exact: bool


def count(path: Path, source: Source) -> int:
    """Samples at the source's rate. Raises Unreadable when the file ends before what it claims to hold."""
    if not isinstance(source, AvSource):
        return sum(frame.samples for frame in source.frames())
    with open_container(path) as container:
        stream = audio_stream(container)
        name: str = container.format.name
        codec: str = stream.codec_context.name
        duration = _in_samples(stream.duration, stream.time_base, source.rate_hz)
        if name in _EXACT_BY_PACKETS:
            packets = _by_packets(path, name, container, stream, source.rate_hz)
        elif name == "ogg" and codec == "vorbis" and duration:
            packets = _Packets(duration, None, True)
        else:
            whole_s = (container.duration or 0) / 1_000_000
            packets = _Packets(duration or int(whole_s * source.rate_hz), None, whole_s > _LONGEST_COUNT_S)
    samples = packets.samples if packets.exact else sum(frame.samples for frame in source.frames())
    _check_end(path, name, samples, packets.claimed, source.rate_hz)
    return samples


def _by_packets(path: Path, name: str, container: Any, stream: Any, rate_hz: int) -> _Packets:
    ticks, skipped = 0, 0
    for packet in container.demux(stream):
        ticks += packet.duration or 0
        if packet.has_sidedata("skip_samples"):
            data = bytes(packet.get_sidedata("skip_samples"))
            skipped += int.from_bytes(data[0:4], "little") + int.from_bytes(data[4:8], "little")
    samples = _in_samples(ticks, stream.time_base, rate_hz) or 0
    tells = name in ("flac", "aiff") or name.startswith("mov") or (name == "mp3" and counts_its_frames(path))
    claimed = _in_samples(stream.duration, stream.time_base, rate_hz) if tells else None
    return _Packets(max(0, samples - skipped), claimed, samples > skipped)


def _check_end(path: Path, name: str, samples: int, claimed: int | None, rate_hz: int) -> None:
    if claimed is not None and claimed - samples > TOLERANCE_S * rate_hz:
        raise Unreadable(too_early(samples / rate_hz, claimed / rate_hz))
    if is_cut(path, name):
        raise Unreadable(too_early(samples / rate_hz))


def _in_samples(ticks: int | None, time_base: Fraction | None, rate_hz: int) -> int | None:
    return None if ticks is None or time_base is None else round(ticks * time_base * rate_hz)
