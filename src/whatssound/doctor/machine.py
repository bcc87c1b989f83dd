"""What the computer and the installation bring along."""

import asyncio
import resource
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import soundfile  # pyright: ignore[reportMissingTypeStubs]

from whatssound import __version__
from whatssound.adapters.media.encoder import ChildEncoder
from whatssound.audio.encoder import EncodeFailed, EncodeJob, RenditionDone
from whatssound.audio.ladder import LADDER
from whatssound.config import Config
from whatssound.doctor.finding import Finding, mend, note, ok
from whatssound.http.services import BUILT_PAGE

SOUND_S: Final = 0.1
RATE_HZ: Final = 44_100

FEW_FILES: Final = 4_096
"""Below it an evening with a few thousand listeners reaches the limit."""

_REINSTALL: Final = "Install WhatsSound anew: `pip install --force-reinstall whatssound`, or `make run` in a checkout."


def python(_config: Config) -> Iterator[Finding]:
    """The interpreter."""
    yield ok(f"WhatsSound {__version__} on Python {sys.version.split()[0]}")


def encoders(config: Config) -> Iterator[Finding]:
    """A tenth of a second of music goes through the real encoder, in a child with the real limits."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "sound.wav"
        _write_sound(source)
        try:
            made = asyncio.run(_encoded(config, source, Path(folder)))
        except (EncodeFailed, OSError) as problem:
            yield mend(f"Music cannot be encoded: {problem}", f"{_ENCODER_ADVICE}\n{_REINSTALL}")
            return
    missing = {rung.kbps for rung in LADDER} - made
    if missing:
        yield mend(f"AAC at {', '.join(map(str, sorted(missing)))} kb/s cannot be made.", _REINSTALL)
    else:
        yield ok("Music is decoded and encoded (AAC)")


_ENCODER_ADVICE: Final = "Raise --encoder-memory-bytes if it is below its default."


async def _encoded(config: Config, source: Path, work: Path) -> set[int]:
    encoder = ChildEncoder(config.encoder)
    await encoder.start()
    try:
        job = EncodeJob(source, tuple(rung.kbps for rung in LADDER), work, analyse=True)
        return {report.kbps async for report in encoder.encode(job) if isinstance(report, RenditionDone)}
    finally:
        await encoder.stop()


def _write_sound(path: Path) -> None:
    count = round(SOUND_S * RATE_HZ)
    tone = (np.sin(np.arange(count) * (2 * np.pi * 440 / RATE_HZ)) * 8_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(tone.tobytes())


def vorbis(_config: Config) -> Iterator[Finding]:
    """What saves music as a file."""
    try:
        soundfile.write(BytesIO(), np.zeros(4_410, dtype="float32"), RATE_HZ, format="OGG", subtype="VORBIS")  # pyright: ignore[reportUnknownMemberType]
    except (OSError, RuntimeError) as problem:
        yield mend(f"Music cannot be saved as Ogg Vorbis: {problem}", _REINSTALL)
    else:
        yield ok("Music is saved as Ogg Vorbis")


def page(_config: Config) -> Iterator[Finding]:
    """The built page."""
    if (BUILT_PAGE / "index.html").is_file():
        yield ok("The page is built")
    else:
        yield mend(
            "The page is not built: browsers see only an advice.", "In a checkout run `make page`; " + _REINSTALL
        )


def open_files(_config: Config) -> Iterator[Finding]:
    """Each listener is an open file; the server raises its own limit as far as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FEW_FILES:
        yield note(
            f"At most {hard:,} files may be open, so fewer listeners than that fit.",
            "Raise it: `LimitNOFILE=65536` in the systemd unit, or `ulimit -Hn 65536` as administrator.",
        )
    else:
        many = "any number of" if hard == resource.RLIM_INFINITY else f"{hard:,}"
        yield ok(f"There may be {many} open files, one a listener")


def clock(_config: Config) -> Iterator[Finding]:
    """A computer without a battery for its clock begins in 1970."""
    year = time.gmtime().tm_year
    if year < 2025:
        yield mend(f"The clock says that it is {year}.", "Set it: `timedatectl set-ntp true`. Sign-ins depend on it.")
