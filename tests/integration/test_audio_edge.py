"""What players are given: playlists at once, segments as soon as they exist, reasons otherwise."""

import asyncio
import errno
import shutil
from pathlib import Path

import pytest

from audio_rig import Rig, StagedEncoder, audio
from integration.test_audio_ingest import SAMPLES, script, taken
from whatssound.audio import edge as edge_module
from whatssound.audio import playlist
from whatssound.audio.encoder import EncodeFailed
from whatssound.audio.ladder import Grid
from whatssound.audio.track import Track
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal


async def key_of(rig: Rig, track: Track) -> str:
    counted = await rig.until(track.id, lambda track: track.samples is not None)
    assert counted.blob_key is not None
    return counted.blob_key


async def refused(awaitable: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await awaitable  # type: ignore[misc]
    return caught.value


async def test_asking_for_the_master_playlist_starts_the_encode_and_lists_the_first_rung(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        exp, sig = rig.signed(track)
        asked = asyncio.create_task(rig.edge.master(track.id, exp, sig))
        key = asyncio.create_task(key_of(rig, track))
        encoder.gate("a").release()
        uri = f"../../{await key}/128/index.m3u8?{rig.keys.media_query(await key, exp)}"
        assert await asked == playlist.master([playlist.Variant(uri, 192_000)])
        assert encoder.ended == []


async def test_the_media_playlist_is_complete_while_nothing_is_encoded(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await rig.library.want(track.id, "now")
        encoder.gate("a").release()
        key = await key_of(rig, track)
        exp, sig = signature(rig, key)
        assert await rig.edge.media(key, 128, exp, sig) == playlist.media(Grid(SAMPLES, 44_100))
        assert (await refused(rig.edge.media(key, 96, exp, sig))).code == "not_found"
        assert (await refused(rig.edge.media(key, 128, exp + 1, sig))).code == "forbidden"
        other, other_sig = signature(rig, "a" * 32)
        assert (await refused(rig.edge.media("a" * 32, 128, other, other_sig))).code == "not_found"


def signature(rig: Rig, key: str) -> tuple[int, str]:
    exp = rig.keys.expiry_s()
    return exp, rig.keys.media_query(key, exp).rpartition("sig=")[2]


async def test_a_segment_is_given_the_moment_it_is_stored(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await rig.library.want(track.id, "now")
        encoder.gate("a").release()
        key = await key_of(rig, track)
        asked = asyncio.create_task(rig.edge.segment(key, 128, "0.m4s"))
        encoder.gate("a").release()
        init = await rig.edge.segment(key, 128, "init.mp4")
        assert init.path.read_bytes() == b"init.mp4"
        assert not asked.done()
        encoder.gate("a").release()
        assert (await asked).path.read_bytes() == b"0.m4s"
        assert encoder.ended == []


async def test_who_waits_too_long_is_told_when_to_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_module, "WAIT_S", 0.0)
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        master = await refused(rig.edge.master(track.id, *rig.signed(track)))
        assert (master.code, master.retry_after_ms) == ("unavailable", 2000)
        encoder.gate("a").release()
        key = await key_of(rig, track)
        segment = await refused(rig.edge.segment(key, 128, "2.m4s"))
        assert (segment.code, segment.retry_after_ms) == ("unavailable", 2000)


@pytest.mark.parametrize("name", ["3.m4s", "00.m4s", "x.m4s", "../init.mp4", "about.json", "index.m3u8", ""])
async def test_what_will_never_exist_is_refused_at_once(tmp_path: Path, name: str) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        await rig.library.want(track.id, "now")
        encoder.gate("a").release()
        key = await key_of(rig, track)
        assert (await refused(rig.edge.segment(key, 128, name))).code == "not_found"
        assert (await refused(rig.edge.segment(key, 96, "0.m4s"))).code == "not_found"
        assert (await refused(rig.edge.segment("../" + key, 128, "0.m4s"))).code == "not_found"
        assert (await refused(rig.edge.segment("b" * 32, 128, "0.m4s"))).code == "not_found"


async def test_finished_rungs_are_listed_with_their_measured_rates(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id, "now")
        await rig.idle()
        text = await rig.edge.master(track.id, *rig.signed(track))
        rates = [line for line in text.splitlines() if line.startswith("#EXT-X-STREAM-INF")]
        assert [line.partition(",CODECS")[0] for line in rates] == [
            f"#EXT-X-STREAM-INF:BANDWIDTH={kbps * 1100},AVERAGE-BANDWIDTH={kbps * 1000}" for kbps in (128, 64, 256)
        ]


async def test_a_track_that_cannot_be_read_says_why_instead_of_a_playlist(tmp_path: Path) -> None:
    encoder = StagedEncoder(lambda _job: [EncodeFailed("This is a picture, not music.")])
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        said = await refused(rig.edge.master(track.id, *rig.signed(track)))
        assert (said.code, said.message) == ("unsupported", "This is a picture, not music.")


async def test_a_full_disk_is_told_at_once_and_asking_again_tries_again(tmp_path: Path) -> None:
    errors: list[Exception] = [OSError(errno.ENOSPC, "No space left on device")]
    encoder = StagedEncoder(lambda job: [errors.pop()] if errors else script(job))
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        said = await refused(rig.edge.master(track.id, *rig.signed(track)))
        assert (said.code, said.message) == ("unavailable", "The server's disk is full.")
        assert (await rig.edge.master(track.id, *rig.signed(track))).startswith("#EXTM3U")


async def test_only_signed_and_existing_tracks_have_a_master_playlist(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        exp, sig = rig.signed(track)
        assert (await refused(rig.edge.master(track.id, exp, sig[:-1] + "-"))).code == "forbidden"
        nobody = Track(**{**_fields(track), "id": TrackId(1)})
        assert (await refused(rig.edge.master(nobody.id, *rig.signed(nobody)))).code == "not_found"


def _fields(track: Track) -> dict[str, object]:
    return {name: getattr(track, name) for name in Track.__slots__}


async def test_an_emptied_cache_is_filled_again(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        encoder.open("a")
        await rig.library.want(track.id, "now")
        await rig.idle()
        key = await key_of(rig, track)
        await asyncio.to_thread(shutil.rmtree, rig.data / "blobs")
        encoder.open("a")
        assert (await rig.edge.segment(key, 128, "1.m4s")).path.read_bytes() == b"1.m4s"
        assert (await rig.edge.segment(key, 64, "1.m4s")).path.read_bytes() == b"1.m4s"


async def test_two_files_of_the_same_content_share_their_segments(tmp_path: Path) -> None:
    encoder = StagedEncoder(script)
    async with audio(tmp_path / "data", encoder) as rig:
        (track,) = await taken(rig, tmp_path, "a")
        copy = tmp_path / "copy.mp3"
        await asyncio.to_thread(shutil.copy, track.path, copy)
        twin = await rig.library.take(copy, "library")
        await rig.library.want(twin.id, "now")
        encoder.gate("copy").release()
        key = await key_of(rig, twin)
        encoder.open("a")
        await rig.library.want(track.id, "queued")
        await rig.settled(track.id)
        assert (await rig.library.get(track.id)).blob_key == key
        encoder.open("copy")
        assert (await rig.edge.segment(key, 128, "2.m4s")).size_bytes == 5


async def test_covers_are_served_by_their_key_only(tmp_path: Path) -> None:
    async with audio(tmp_path / "data", StagedEncoder(script)) as rig:
        image = b"\x89PNG\r\n\x1a\n" + b"pixels"
        key = rig.keys.cover_key(image, "png")
        await rig.blobs.put(f"covers/{key}", image)
        found = await rig.edge.cover(key)
        assert (found.media_type, found.size_bytes) == ("image/png", len(image))
        for other in ("", "x.png", "../" + key, key.replace(".png", ".svg"), "a" * 32 + ".png"):
            assert (await refused(rig.edge.cover(other))).code == "not_found"
