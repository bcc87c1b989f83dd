"""The job of an encoding child: decode once, feed everything, report each step as a line of JSON."""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from whatssound.adapters.media.analysis import Meters
from whatssound.adapters.media.counting import TOLERANCE_S, count
from whatssound.adapters.media.reasons import MEMORY, SILENT, Unreadable, damaged, of_os_error, too_early
from whatssound.adapters.media.rendition import Rendition
from whatssound.adapters.media.source import Samples, Source, frame_of, open_source, samples_of, stereo_blocks
from whatssound.audio.ladder import presented_samples, rate_for

Tell = Callable[[dict[str, Any]], None]

LOWEST = 19
"""Added to the priority value, which ends at 19: a seventh of what a child gets that somebody waits for."""

SLACK_SAMPLES = 4096
"""Decoders may give up to a frame or two more than there is (AAC does not trim its end); more than that is music."""


ALONE = 5
"""The first files of a rendition are told of one by one, so that music begins at once: 16 s of it."""

TOGETHER = 4
"""Later ones so many at a time: each telling costs the server 1.5 ms of CPU."""

MAX_KEPT_SAMPLES = 10_000_000
"""Decoded music that waits for the track's other stage: 3 min 46 s at 44.1 kHz, 80 MB. Longer tracks are decoded
twice."""


@dataclass(slots=True)
class Decoded:
    """A source as it was decoded: what all that is made of it begins with."""

    source: str
    rate_hz: int
    samples: int
    blocks: list[av.AudioFrame]


class TrackEncoder:
    """Does the jobs of one track, one after another."""

    def __init__(self) -> None:
        self._decoded: Decoded | None = None

    def encode(self, job: dict[str, Any], tell: Tell) -> None:
        """Do `job` (the fields of `EncodeJob`), and tell of everything, failure included, but for broken pipes and
        bugs."""
        if job["background"]:
            os.nice(LOWEST)
        try:
            self._encode(job, tell)
        except Unreadable as error:
            tell({"type": "failed", "reason": error.reason})
        except MemoryError:
            tell({"type": "failed", "reason": MEMORY})
        except BrokenPipeError:
            raise
        except OSError as error:
            tell({"type": "failed", "reason": of_os_error(error)})

    def _encode(self, job: dict[str, Any], tell: Tell) -> None:
        kept = self._decoded
        if kept is not None and kept.source == job["source"]:
            _Encode(job, tell, kept.rate_hz, kept.samples).run(iter(kept.blocks))
            return
        path = Path(job["source"])
        source = open_source(path)
        rate_hz = rate_for(source.rate_hz)
        samples: int = job["samples"] or presented_samples(count(path, source), source.rate_hz)
        if samples < 1:
            raise Unreadable(SILENT)
        blocks: list[av.AudioFrame] = []
        keep = job["analyse"] and samples <= MAX_KEPT_SAMPLES
        decoded = fitted(stereo_blocks(source.frames(), rate_hz), samples)
        work = _Encode(job, tell, rate_hz, samples, source)
        work.run(_noted(decoded, blocks) if keep else decoded)
        if keep:
            self._decoded = Decoded(job["source"], rate_hz, work.written, blocks)


class _Encode:
    def __init__(
        self, job: dict[str, Any], tell: Tell, rate_hz: int, samples: int, source: Source | None = None
    ) -> None:
        self._tell = tell
        self._source = source
        self._rate_hz = rate_hz
        self._samples = samples
        self._work = Path(job["work"])
        self._kbps: list[int] = job["kbps"]
        self._analyse: bool = job["analyse"]
        self._ogg: dict[str, str | None] | None = job["ogg"]
        self.written = 0
        self._files: Counter[int] = Counter()
        self._untold: dict[int, dict[str, str]] = {}

    def run(self, blocks: Iterator[av.AudioFrame]) -> None:
        self._tell({"type": "counted", "samples": self._samples, "rate_hz": self._rate_hz})
        renditions = [Rendition(kbps, self._rate_hz, self._work / str(kbps), self._stored) for kbps in self._kbps]
        meters = Meters(self._rate_hz) if self._analyse else None
        ogg = None if self._ogg is None else _ogg_file(self._work / "whole.ogg", self._rate_hz, self._ogg)
        for block in blocks:
            block.pts, block.time_base = self.written, Fraction(1, self._rate_hz)
            self.written += block.samples
            for rendition in renditions:
                rendition.write(block)
            if meters is not None:
                meters.write(block)
            if ogg is not None:
                ogg.write(samples_of(block))
        self._check_end()
        for rendition in renditions:
            self._finish(rendition)
        if ogg is not None:
            self._tell({"type": "whole", "file": str(ogg.finish())})
        if meters is not None:
            self._tell_analysis(meters)

    def _check_end(self) -> None:
        if self.written == 0:
            raise Unreadable(SILENT)
        if self._samples - self.written > TOLERANCE_S * self._rate_hz:
            sentence = damaged if self._source is not None and self._source.damaged else too_early
            raise Unreadable(sentence(self.written / self._rate_hz, self._samples / self._rate_hz))

    def _finish(self, rendition: Rendition) -> None:
        segments, peak, average = rendition.finish()
        self._tell_stored(rendition.kbps)
        self._tell(
            {
                "type": "rendition",
                "kbps": rendition.kbps,
                "segments": segments,
                "peak_bps": peak,
                "average_bps": average,
            }
        )

    def _stored(self, kbps: int, name: str, file: Path) -> None:
        untold = self._untold.setdefault(kbps, {})
        untold[name] = str(file)
        self._files[kbps] += 1
        if self._files[kbps] <= ALONE or len(untold) == TOGETHER:
            self._tell_stored(kbps)

    def _tell_stored(self, kbps: int) -> None:
        done = min(1.0, self.written / self._samples)
        if files := self._untold.pop(kbps, None):
            self._tell({"type": "stored", "kbps": kbps, "files": files, "done": round(done, 4)})

    def _tell_analysis(self, meters: Meters) -> None:
        peaks = self._work / "peaks"
        lufs, peak_db, values = meters.finish()
        peaks.write_bytes(values)
        self._tell(
            {
                "type": "analysed",
                "samples": self.written,
                "rate_hz": self._rate_hz,
                "loudness_lufs": lufs,
                "true_peak_db": peak_db,
                "peaks": str(peaks),
            }
        )


def _ogg_file(file: Path, rate_hz: int, tags: dict[str, str | None]) -> Any:
    # Loaded only when it is asked for: most children make segments.
    from whatssound.adapters.media.ogg import OggFile  # noqa: PLC0415

    return OggFile(file, rate_hz, tags)


def _noted(blocks: Iterator[av.AudioFrame], into: list[av.AudioFrame]) -> Iterator[av.AudioFrame]:
    for block in blocks:
        into.append(block)
        yield block


def fitted(blocks: Iterator[av.AudioFrame], samples: int) -> Generator[av.AudioFrame]:
    """`blocks` cut or, by a little, filled up to `samples`; what differs by more than the slack is left as it is."""
    given = 0
    held: list[Samples] = []
    rate_hz = 0
    for block in blocks:
        rate_hz = block.sample_rate
        room = max(0, samples - given)
        if block.samples <= room:
            yield block
            given += block.samples
            continue
        if room and not held:
            cut = samples_of(block)
            yield frame_of(cut[:, :room], rate_hz)
            given += room
            held = [cut[:, room:]]
        else:
            held.append(samples_of(block))
        if sum(part.shape[1] for part in held) > SLACK_SAMPLES:
            yield frame_of(np.concatenate(held, axis=1), rate_hz)
            held, samples = [], 1 << 62
    missing = samples - given
    if given and 0 < missing <= SLACK_SAMPLES:
        yield frame_of(np.zeros((2, missing), np.float32), rate_hz)
