"""The job of a composing child: play a demo piece into a FLAC file, with its tags and its cover."""

from pathlib import Path
from typing import Any

import av
import numpy as np
from mutagen.flac import FLAC, Picture

from whatssound.adapters.media.child import Tell
from whatssound.adapters.media.reasons import of_os_error
from whatssound.adapters.media.source import Samples
from whatssound.adapters.media.synth.instruments import RATE_HZ
from whatssound.adapters.media.synth.pieces import ALBUM, ARTIST, PIECES

_BLOCK = 1 << 15


def compose(job: dict[str, Any], tell: Tell) -> None:
    """Write `<folder>/<name>.flac`; complete or not there at all."""
    name, folder = str(job["name"]), Path(job["folder"])
    piece = PIECES[name]
    file = folder / f"{name}.flac"
    scratch = folder / f".{name}.flac"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_flac(scratch, piece.play())
        _tag(scratch, piece.title, piece.cover())
        scratch.replace(file)
    except OSError as error:
        tell({"type": "failed", "reason": of_os_error(error)})
        return
    tell({"type": "composed", "file": str(file)})


def _write_flac(file: Path, samples: Samples) -> None:
    """16 bits, with triangular dither: the tails fade into noise, not into steps."""
    random = np.random.default_rng(16)
    opened: Any = av.open(f"file:{file}", "w", format="flac")
    with opened as container:
        stream = container.add_stream("flac", rate=RATE_HZ, layout="stereo", options={"compression_level": "5"})
        for at in range(0, samples.shape[1], _BLOCK):
            block = samples[:, at : at + _BLOCK]
            noise = random.random(block.shape) - random.random(block.shape)
            whole = np.clip(np.round(block * 32_767 + noise), -32_768, 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(whole.T.reshape(1, -1).copy(), format="s16", layout="stereo")
            frame.sample_rate = RATE_HZ
            frame.pts = at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _tag(file: Path, title: str, cover: bytes) -> None:
    tags: Any = FLAC(file)
    tags["title"], tags["artist"], tags["album"] = title, ARTIST, ALBUM
    picture: Any = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", cover
    tags.add_picture(picture)
    tags.save()
