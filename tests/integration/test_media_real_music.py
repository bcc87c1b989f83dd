"""Ten tracks of real music in every format: all become ready, and another program reads all of it."""

import subprocess
import wave
from itertools import cycle
from pathlib import Path

import pytest

from audio_rig import audio
from integration.test_media_encode import frames_expected, frames_of, probed, published, rendition_folder
from whatssound.audio import ladder

FORMATS = (("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "libvorbis"), ("m4a", "aac"), ("wav", "pcm_s16le"))
EXCERPT_S = 15


def readable(file: Path) -> bool:
    """Three pieces of the package are Ogg files that ffmpeg refuses: they are tested as they are."""
    return subprocess.run(["ffprobe", "-v", "error", file], capture_output=True, check=False).returncode == 0


def prepared(ffmpeg: Path, music: Path, folder: Path) -> dict[Path, int | None]:
    """Eight excerpts in five formats and two whole tracks as they are, with their samples where they are known."""
    files = sorted(music.glob("*.ogg"), key=lambda file: -file.stat().st_size)
    odd = [file for file in files if not readable(file)]
    plain = [file for file in files if file not in odd]
    made: dict[Path, int | None] = {plain[-1]: None, (odd or plain[:-1])[-1]: None}
    for file, (suffix, codec) in zip(plain[:8], cycle(FORMATS)):
        wav = folder / f"{file.stem}.pcm.wav"
        run(ffmpeg, "-t", str(EXCERPT_S), "-i", file, "-c:a", "pcm_s16le", wav)
        target = folder / f"{file.stem}.{suffix}"
        run(ffmpeg, "-i", wav, "-c:a", codec, target)
        with wave.open(str(wav)) as opened:
            made[target] = opened.getnframes()
    return made


def run(ffmpeg: Path, *arguments: str | Path) -> None:
    subprocess.run([ffmpeg, "-v", "error", "-y", *arguments], check=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_ten_real_tracks_become_ready_and_play_in_another_program(
    tmp_path: Path, ffmpeg: Path, real_music: Path
) -> None:
    files = prepared(ffmpeg, real_music, tmp_path)
    assert len(files) == 10
    async with audio(tmp_path / "data") as rig:
        tracks = {file: await rig.library.take(file, "library") for file in files}
        for track in tracks.values():
            await rig.library.want(track.id, "queued")
        await rig.idle()
        for file, samples in files.items():
            track = await rig.library.get(tracks[file].id)
            assert (track.status, track.reason) == ("ready", None), file.name
            assert samples is None or track.samples == samples, file.name
            site = await published(rig, track, tmp_path / f"site-{track.id}")
            probed("-show_entries", "stream=codec_name", site / "tracks" / str(track.id) / "master.m3u8")
            assert track.samples is not None
            assert track.rate_hz is not None
            for rung in ladder.LADDER:
                folder = rendition_folder(rig, track, rung.kbps)
                probed("-show_entries", "format=duration", site / str(track.blob_key) / str(rung.kbps) / "index.m3u8")
                segments = ladder.Grid(track.samples, track.rate_hz).segments
                assert frames_of(folder, segments, tmp_path) == [frames_expected(track, n) for n in range(segments)]
