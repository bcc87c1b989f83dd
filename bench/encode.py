"""What encoding a track costs beside the bare encoders, and how soon its first segment is there.

"Bare" is a minimal loop over the very same codec, from samples that are decoded already, writing nothing: FFmpeg's AAC
by PyAV, libvorbis by libsndfile. A rung is what it costs to encode, cut and write it, from decoded samples as well. The
whole ladder is user and system time of every process involved: the child's fork, decoding, loudness, true peak,
waveform, and the server's own part: hashing the source, storing segments, keeping the rows. Pairs alternate, so that a
busy machine meets both. ffmpeg's own program, which decodes too, stands beside for reference.
`make bench F=encode`
"""

import asyncio
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from audio_rig import Rig, audio
from music import make_wav
from rig import show
from servers import ServerProcess
from several import children
from whatssound.wire.errors import Refusal

PAIRS = 5
TRACK_S = 180
LIMIT = 1.1
MUSIC = Path("/usr/share/hyperrogue/music")
"""Debian's hyperrogue-music: real music, in Ogg Vorbis."""

BARE = """
import sys, time, json
from fractions import Fraction
import av, numpy as np, soundfile
pcm, what = sys.argv[1:]
samples = np.fromfile(pcm, np.float32).reshape(-1, 2)
planes = np.ascontiguousarray(samples.T)
BLOCK = 8192
def aac(kbps):
    codec = av.CodecContext.create("aac", "w")
    codec.sample_rate, codec.layout, codec.format = 44100, "stereo", "fltp"
    codec.bit_rate, codec.time_base = kbps * 1000, Fraction(1, 44100)
    codec.open()
    for at in range(0, planes.shape[1], BLOCK):
        frame = av.AudioFrame.from_ndarray(planes[:, at : at + BLOCK], format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = 44100, at
        codec.encode(frame)
    codec.encode(None)
def vorbis():
    import io
    with soundfile.SoundFile(io.BytesIO(), "w", 44100, 2, subtype="VORBIS", format="OGG", compression_level=0.5) as out:
        for at in range(0, len(samples), BLOCK):
            out.write(samples[at : at + BLOCK])
begin = time.process_time()
vorbis() if what == "ogg" else aac(int(what))
print(json.dumps(time.process_time() - begin))
"""
"""One bare encoder in a process of its own: the CPU seconds of its loop alone."""


RUNG = """
import sys, time, json, tempfile
from fractions import Fraction
from pathlib import Path
from whatssound.adapters.media.rendition import Rendition
from whatssound.adapters.media.source import open_source, stereo_blocks
source, kbps = Path(sys.argv[1]), int(sys.argv[2])
blocks, at = list(stereo_blocks(open_source(source).frames(), 44100)), 0
for block in blocks:
    block.pts, block.time_base = at, Fraction(1, 44100)
    at += block.samples
with tempfile.TemporaryDirectory() as folder:
    begin = time.process_time()
    rendition = Rendition(kbps, 44100, Path(folder) / "rung", lambda *_: None)
    for block in blocks:
        rendition.write(block)
    rendition.finish()
    print(json.dumps(time.process_time() - begin))
"""
"""One rung of ours, as the child makes it."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source, pcm = made(work)
        cost(work, source, pcm)
        first_segment(work, source)


def made(work: Path) -> tuple[Path, Path]:
    """A track of three minutes as FLAC, and its samples as they are."""
    pieces = sorted(MUSIC.glob("hr3-*.ogg"), key=lambda file: -file.stat().st_size)
    if not pieces or shutil.which("ffmpeg") is None:
        raise SystemExit("this bench needs ffmpeg and hyperrogue-music: sh .ci/tools")
    source, pcm = work / "track.flac", work / "track.f32"
    plain = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "3", "-i", pieces[0], "-t", str(TRACK_S), "-ar", "44100"]
    subprocess.run([*plain, "-ac", "2", "-sample_fmt", "s16", source], check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", source, "-f", "f32le", pcm], check=True)
    return source, pcm


def cost(work: Path, source: Path, pcm: Path) -> None:
    """Each rung beside its bare encoder, and a real encode beside all of them."""
    ours: dict[str, list[float]] = {}
    bare: dict[str, list[float]] = {}
    for pair in range(PAIRS):
        for what in ("128", "64", "256", "ogg"):
            bare.setdefault(what, []).append(ran_s(BARE, pcm, what))
            if what != "ogg":
                ours.setdefault(what, []).append(ran_s(RUNG, source, what))
        for what, cpu_s in asyncio.run(encoded(work / f"data {pair}", source)).items():
            ours.setdefault(what, []).append(cpu_s)
        cli = sum(cli_s(source, kbps) for kbps in ("128", "64", "256"))
        ours.setdefault("cli", []).append(cli)
    for kbps in ("128", "64", "256"):
        compare(f"{kbps} kb/s", ours[kbps], bare[kbps])
    ladder = [sum(three) for three in zip(bare["128"], bare["64"], bare["256"], strict=True)]
    compare("the whole ladder and all around it", added(ours["first"], ours["rest"]), ladder)
    print("Where it goes, for reference:")
    compare("  first stage: 128 kb/s, start, loudness, peaks", ours["first"], bare["128"], limit=None)
    compare("  second stage: 64 and 256 kb/s", ours["rest"], added(bare["64"], bare["256"]), limit=None)
    compare("  Ogg Vorbis 160, decoding included", ours["ogg"], bare["ogg"], limit=None)
    compare("  ffmpeg's own program, three times", ours["cli"], ladder, limit=None)


def added(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [a + b for a, b in zip(first, second, strict=True)]


def compare(what: str, ours: Sequence[float], bare: Sequence[float], *, limit: float | None = LIMIT) -> None:
    """One line: the median of the pairs' ratios, their range, and the CPU seconds behind them."""
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    seconds = f"{statistics.median(ours):.2f} s beside {statistics.median(bare):.2f} s"
    spread = f"n={len(ratios)}, {min(ratios):.2f}-{max(ratios):.2f}"
    asked = "" if limit is None else f"  limit {limit:g}"
    print(f"{what:<52} median {statistics.median(ratios):.3f}  ({spread})  {seconds}{asked}", flush=True)


def ran_s(program: str, file: Path, what: str) -> float:
    """CPU seconds that the program says it took."""
    run = subprocess.run([sys.executable, "-c", program, file, what], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def cli_s(source: Path, kbps: str) -> float:
    """CPU seconds of ffmpeg's program, its decoding included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", source, "-c:a", "aac", "-b:a", f"{kbps}k", "-f", "null"]
    subprocess.run([*command, "-"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def encoded(data: Path, source: Path) -> dict[str, float]:
    """CPU seconds of each stage, by everything that takes part in it, and by nothing that only looks on."""
    async with audio(data) as rig:
        await warmed(rig, source.parent)
        track = await rig.library.take(source, "library")
        stages: dict[str, float] = {}
        ready = asyncio.Event()
        rig.library.on_changed(lambda now: ready.set() if now.status == "ready" else None)
        begin_s = cpu_s()
        await rig.library.want(track.id)
        await ready.wait()
        stages["first"] = -begin_s + (begin_s := cpu_s())
        await rig.idle()
        stages["rest"] = -begin_s + (begin_s := cpu_s())
        await made_ogg(rig, track.id)
        stages["ogg"] = cpu_s() - begin_s
        return stages


async def warmed(rig: Rig, folder: Path) -> None:
    """A server that has encoded before: its statements are compiled, its children wait."""
    short = await rig.library.take(make_wav(folder / "short.wav", seconds=5), "library")
    await rig.library.want(short.id)
    await rig.idle()


async def made_ogg(rig: Rig, track_id: int) -> None:
    while True:
        try:
            await rig.edge.ogg(track_id)  # pyright: ignore[reportArgumentType]
        except Refusal as busy:
            if busy.code != "unavailable":
                raise
            continue
        return


def cpu_s() -> float:
    """CPU seconds of this process and of all that come from it, those that still run included."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ended_s = sum(one.ru_utime + one.ru_stime for one in used)
    return ended_s + sum(ticks(pid) for pid in children(os.getpid())) / os.sysconf("SC_CLK_TCK")


def ticks(pid: int) -> int:
    """What a process has used, with its children, those that ended and those that run."""
    own_and_ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    return sum(map(int, own_and_ended)) + sum(ticks(child) for child in children(pid))


def first_segment(work: Path, source: Path) -> None:
    """From the request for a track's playlist to the last byte of its first segment, over a real server."""
    folder = work / "music"
    folder.mkdir()
    for n in range(PAIRS):
        with (folder / f"{n}.flac").open("wb") as copy:
            copy.write(source.read_bytes() + b"\0" * n)  # other bytes, the same music
    with ServerProcess(work / "server", "--library", str(folder)) as server:
        token = server.token("owner")
        tracks = listed(server, token, PAIRS)
        times_ms = [1000 * segment_s(f"http://127.0.0.1:{server.port}{track['hls']}") for track in tracks]
    show("request to the first 128 kb/s segment", times_ms, limit=1000)


def listed(server: ServerProcess, token: str, count: int) -> list[dict[str, str]]:
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        tracks = server.call("GET", "/v1/tracks", token=token)["tracks"]
        if len(tracks) == count:
            return tracks
        time.sleep(0.2)
    raise SystemExit("the library was not scanned")


def segment_s(master: str) -> float:
    """Seconds; then the encode is given time to end, so that the next one starts on an idle machine."""
    begin_s = time.perf_counter()
    media = urllib.parse.urljoin(master, uris(master)[0])
    segments = uris(media)
    fetched(urllib.parse.urljoin(media, segments[0]))
    taken_s = time.perf_counter() - begin_s
    fetched(urllib.parse.urljoin(media, segments[-1]))
    return taken_s


def uris(playlist: str) -> list[str]:
    return [line for line in fetched(playlist).decode().splitlines() if line and not line.startswith("#")]


def fetched(url: str) -> bytes:
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise


if __name__ == "__main__":
    main()
