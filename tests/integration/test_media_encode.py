"""Real files through the real encoder: what is stored, what other programs make of it, what goes wrong and why."""

import json
import shutil
import subprocess
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audio_rig import Rig, audio
from music import make_wav
from whatssound.audio import ladder
from whatssound.audio.playlist import INIT_NAME
from whatssound.audio.track import Track

SECONDS = 9.876543
SAMPLES = round(SECONDS * 44_100)

EXACT = {
    "wav": [],
    "flac": [],
    "aiff": [],
    "mp3": [],
    "ogg": ["-c:a", "libvorbis"],
    "m4a": ["-c:a", "aac"],
    "alac.m4a": ["-c:a", "alac"],
}
"""Formats that keep the number of samples, with ffmpeg's options."""


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with audio(tmp_path / "data") as rig:
        yield rig


@pytest.fixture(scope="module")
def wav(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wav(tmp_path_factory.mktemp("music") / "piece.wav", seconds=SECONDS)


def made(ffmpeg: Path, target: Path, *arguments: str | Path) -> Path:
    """What ffmpeg writes into `target`."""
    subprocess.run([ffmpeg, "-v", "error", "-y", *arguments, target], check=True)
    return target


def converted(ffmpeg: Path, source: Path, target: Path, *options: str) -> Path:
    return made(ffmpeg, target, "-i", source, *options)


def measured_loudness(ffmpeg: Path, file: Path) -> tuple[float, float]:
    """`(LUFS, dB true peak)` by ffmpeg's own program."""
    meter = [ffmpeg, "-hide_banner", "-nostats", "-i", file, "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(meter, check=True, capture_output=True, text=True).stderr.rpartition("Summary:")[2]
    words = said.split()
    return float(words[words.index("I:") + 1]), float(words[words.index("Peak:") + 1])


async def encoded(rig: Rig, file: Path) -> Track:
    track = await rig.library.take(file, "library")
    await rig.library.want(track.id, "now")
    return await rig.settled(track.id)


def probed(*arguments: str | Path) -> dict[str, object]:
    """What ffprobe says. Any warning fails the test."""
    command = ["ffprobe", "-v", "warning", "-of", "json", *arguments]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stderr == "", answer.stderr
    return json.loads(answer.stdout)


def rendition_folder(rig: Rig, track: Track, kbps: int) -> Path:
    assert track.blob_key is not None
    return rig.data / "blobs" / track.blob_key / str(kbps)


@pytest.mark.parametrize("kind", EXACT)
async def test_every_format_keeps_its_length_to_the_sample(
    rig: Rig, ffmpeg: Path, wav: Path, tmp_path: Path, kind: str
) -> None:
    file = converted(ffmpeg, wav, tmp_path / f"x.{kind}", *EXACT[kind])
    track = await encoded(rig, file)
    assert (track.status, track.reason) == ("ready", None)
    assert (track.samples, track.rate_hz) == (SAMPLES, 44_100)
    assert track.duration_ms == round(SAMPLES * 1000 / 44_100)
    stream = probed("-show_entries", "stream=duration_ts,codec_name", joined(rig, track, ladder.FIRST, tmp_path))
    assert stream["streams"] == [{"codec_name": "aac", "duration_ts": SAMPLES + ladder.PRIMING_SAMPLES}]


def joined(rig: Rig, track: Track, kbps: int, folder: Path) -> Path:
    """The rendition as one file: its init section and all its segments."""
    parts = rendition_folder(rig, track, kbps)
    names = [INIT_NAME, *(f"{n}.m4s" for n in range(grid_of(track).segments))]
    whole = folder / f"{kbps}.mp4"
    whole.write_bytes(b"".join((parts / name).read_bytes() for name in names))
    return whole


def grid_of(track: Track) -> ladder.Grid:
    assert track.samples is not None
    assert track.rate_hz is not None
    return ladder.Grid(track.samples, track.rate_hz)


async def test_another_program_reads_every_playlist_and_every_segment_without_a_warning(
    rig: Rig, wav: Path, tmp_path: Path
) -> None:
    track = await encoded(rig, wav)
    await rig.idle()
    site = await published(rig, track, tmp_path / "site")
    probed("-show_entries", "stream=codec_name", site / "tracks" / str(track.id) / "master.m3u8")
    for rung in ladder.LADDER:
        folder = rendition_folder(rig, track, rung.kbps)
        whole = probed("-show_entries", "format=duration", folder_playlist(site, track, rung.kbps))
        assert float(whole["format"]["duration"]) == pytest.approx(SAMPLES / 44_100, abs=1e-5)  # type: ignore[index]
        segments = grid_of(track).segments
        assert frames_of(folder, segments, tmp_path) == [frames_expected(track, n) for n in range(segments)]


def folder_playlist(site: Path, track: Track, kbps: int) -> Path:
    return site / str(track.blob_key) / str(kbps) / "index.m3u8"


async def published(rig: Rig, track: Track, site: Path) -> Path:
    """The track's playlists and segments as plain files: what a player would get over HTTP."""
    exp, sig = rig.signed(track)
    master = await rig.edge.master(track.id, exp, sig)
    uris = [line for line in master.splitlines() if not line.startswith("#")]
    assert len(uris) == len(ladder.LADDER)
    shutil.copytree(rig.data / "blobs", site)
    for uri in uris:
        path, _, query = uri.partition("?")
        fields = dict(part.split("=", 1) for part in query.split("&"))
        _, _, key, kbps, _ = path.split("/")
        text = await rig.edge.media(key, int(kbps), int(fields["exp"]), fields["sig"])
        (site / key / kbps / "index.m3u8").write_text(text)
        master = master.replace(uri, path)
    folder = site / "tracks" / str(track.id)
    folder.mkdir(parents=True)
    (folder / "master.m3u8").write_text(master)
    return site


def frames_of(folder: Path, count: int, scratch: Path) -> list[list[int]]:
    """Decode times of the frames of each segment, each a file of its own with the init section in front.

    One ffmpeg opens them all: as many starts of ffprobe took most of these tests' time. Any warning fails the test.
    """
    inputs: list[str | Path] = []
    for number in range(count):
        file = scratch / f"segment-{number}.mp4"
        file.write_bytes((folder / INIT_NAME).read_bytes() + (folder / f"{number}.m4s").read_bytes())
        inputs += ["-i", file]
    maps = [word for number in range(count) for word in ("-map", str(number))]
    command = ["ffmpeg", "-v", "warning", "-copyts", *inputs, *maps, "-c", "copy", "-f", "framecrc", "-"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert answer.stderr == "", answer.stderr
    frames: list[list[int]] = [[] for _ in range(count)]
    for line in answer.stdout.splitlines():
        if not line.startswith("#"):
            stream, dts, *_ = line.split(",")
            frames[int(stream)].append(int(dts))
    return frames


def frames_expected(track: Track, number: int) -> list[int]:
    """Frames follow each other without a gap; the first of all stands before the music."""
    grid = grid_of(track)
    first = number * grid.frames_per_segment
    last = min(first + grid.frames_per_segment, grid.frames)
    return [n * ladder.FRAME_SAMPLES - ladder.PRIMING_SAMPLES for n in range(first, last)]


async def test_all_rungs_are_cut_at_the_same_samples(rig: Rig, wav: Path, tmp_path: Path) -> None:
    track = await encoded(rig, wav)
    await rig.idle()
    starts = {
        rung.kbps: [frames[0] for frames in frames_of(rendition_folder(rig, track, rung.kbps), 3, tmp_path)]
        for rung in ladder.LADDER
    }
    assert starts[128] == starts[64] == starts[256]


@pytest.mark.parametrize(
    ("source_hz", "presented_hz"), [(48_000, 48_000), (22_050, 44_100), (96_000, 48_000), (8_000, 48_000)]
)
async def test_other_sample_rates_become_the_nearer_familys(
    rig: Rig, tmp_path: Path, source_hz: int, presented_hz: int
) -> None:
    file = make_wav(tmp_path / "rate.wav", seconds=5.4321, rate_hz=source_hz)
    track = await encoded(rig, file)
    source_samples = round(5.4321 * source_hz)
    assert track.rate_hz == presented_hz
    assert track.samples == ladder.presented_samples(source_samples, source_hz)
    stream = probed("-show_entries", "stream=duration_ts", joined(rig, track, ladder.FIRST, tmp_path))
    assert stream["streams"] == [{"duration_ts": track.samples + ladder.PRIMING_SAMPLES}]


async def test_mono_sounds_on_both_sides_as_loud_as_it_was(rig: Rig, ffmpeg: Path, tmp_path: Path) -> None:
    sine = ["-f", "lavfi", "-i", "sine=frequency=1000:duration=5:sample_rate=44100", "-af", "volume=6dB"]
    file = made(ffmpeg, tmp_path / "mono.wav", *sine, "-ac", "1")
    track = await encoded(rig, file)
    # ffmpeg's sine has an amplitude of 1/8; +6 dB make it 1/4: -12 dB, and a stereo 1 kHz sine reads as its peak.
    assert track.loudness_lufs == pytest.approx(-12.0, abs=0.3)
    assert track.true_peak_db == pytest.approx(-12.0, abs=0.3)


async def test_surround_is_mixed_down(rig: Rig, ffmpeg: Path, wav: Path, tmp_path: Path) -> None:
    file = converted(ffmpeg, wav, tmp_path / "surround.flac", "-ac", "6")
    track = await encoded(rig, file)
    assert (track.status, track.samples) == ("ready", SAMPLES)


async def test_loudness_equals_what_ffmpeg_measures(rig: Rig, ffmpeg: Path, wav: Path) -> None:
    track = await encoded(rig, wav)
    lufs, peak_db = measured_loudness(ffmpeg, wav)
    assert track.loudness_lufs == pytest.approx(lufs, abs=0.1)
    assert track.true_peak_db == pytest.approx(peak_db, abs=0.1)


async def test_the_waveform_follows_the_music(rig: Rig, tmp_path: Path) -> None:
    file = tmp_path / "steps.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44_100)
        for level in (0, 16_384, 32_767):
            out.writeframes(b"".join(int(level).to_bytes(2, "little") for _ in range(44_100)))
    track = await encoded(rig, file)
    peaks = await rig.library.peaks(track.id)
    assert peaks == [0] * 100 + [128] * 100 + [255] * 100
    assert await rig.library.peaks(track.id, 3) == [0, 128, 255]


async def test_silence_has_no_loudness_and_plays(rig: Rig, ffmpeg: Path, tmp_path: Path) -> None:
    file = made(ffmpeg, tmp_path / "silence.flac", "-f", "lavfi", "-i", "anullsrc=r=44100:cl=stereo", "-t", "2")
    track = await encoded(rig, file)
    assert (track.status, track.loudness_lufs, track.true_peak_db) == ("ready", None, None)


async def test_one_sample_is_a_track(rig: Rig, tmp_path: Path) -> None:
    track = await encoded(rig, make_wav(tmp_path / "click.wav", seconds=1 / 44_100))
    assert (track.status, track.samples, grid_of(track).segments) == ("ready", 1, 1)


def cut(source: Path, target: Path, *, keep: float) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * keep)])
    return target


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "ogg", "aiff", "m4a", "faststart.m4a"])
async def test_a_truncated_file_says_how_much_of_it_there_is(
    rig: Rig, ffmpeg: Path, wav: Path, tmp_path: Path, kind: str
) -> None:
    options = EXACT.get(kind, ["-c:a", "aac", "-movflags", "faststart"])
    whole = converted(ffmpeg, wav, tmp_path / f"whole.{kind}", *options)
    track = await encoded(rig, cut(whole, tmp_path / f"cut.{kind}", keep=0.6))
    assert track.status == "failed"
    assert track.reason is not None
    assert track.reason.startswith("The file ends too early: ")


async def test_bad_files_fail_alone_with_their_reason(rig: Rig, ffmpeg: Path, wav: Path, tmp_path: Path) -> None:
    picture = made(ffmpeg, tmp_path / "picture.jpg", "-f", "lavfi", "-i", "testsrc", "-frames:v", "1")
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "text.mp3").write_text("These are words, not music.\n" * 100)
    (tmp_path / "noise.mp3").write_bytes(bytes((i * 7919 + i // 3) % 256 for i in range(50_000)))
    picture.rename(tmp_path / "picture.mp3")
    (tmp_path / "list.mp3").write_text(f"#EXTM3U\n#EXTINF:4,\n{wav}\n#EXT-X-ENDLIST\n")
    made(ffmpeg, tmp_path / "silent.mp4", "-f", "lavfi", "-i", "testsrc", "-t", "1")
    expected = {
        "empty.mp3": "This file is empty.",
        "text.mp3": "This file holds no audio that we can read.",
        "noise.mp3": "This file holds no audio that we can read.",
        "picture.mp3": "This is a picture, not music.",
        "list.mp3": "This file holds no audio that we can read.",
        "silent.mp4": "This is a video or data without sound.",
    }
    tracks = {name: await rig.library.take(tmp_path / name, "library") for name in expected}
    good = await rig.library.take(wav, "library")
    for track in [*tracks.values(), good]:
        await rig.library.want(track.id)
    said = {name: (await rig.settled(track.id)).reason for name, track in tracks.items()}
    assert said == expected
    assert (await rig.settled(good.id)).status == "ready"


async def test_a_file_that_vanished_or_is_closed_says_so(rig: Rig, wav: Path, tmp_path: Path) -> None:
    track = await rig.library.take(shutil.copy(wav, tmp_path / "gone.wav"), "library")
    (tmp_path / "gone.wav").unlink()
    await rig.library.want(track.id)
    assert (await rig.settled(track.id)).reason == "The file is no longer there."


async def test_a_failed_track_is_tried_again_only_when_asked(rig: Rig, wav: Path, tmp_path: Path) -> None:
    file = tmp_path / "late.wav"
    track = await rig.library.take(shutil.copy(wav, file), "library")
    file.unlink()
    await rig.library.want(track.id)
    await rig.settled(track.id)
    shutil.copy(wav, file)
    assert (await rig.library.want(track.id, "now")).status == "failed"
    assert (await rig.library.want(track.id, "asked")).status in ("queued", "encoding")
    assert (await rig.settled(track.id)).status == "ready"
