"""Names nobody can guess and signatures nobody can forge."""

import hashlib
from collections.abc import Callable

import pytest

from audio_rig import NOW_MS, derive
from whatssound.audio.keys import EXPIRY_STEP_S, Keys
from whatssound.ids import TrackId
from whatssound.wire.errors import Refusal

TRACK = TrackId(42)
SOURCE = hashlib.sha256(b"a source file").digest()


def keys(derive_key: Callable[[str], bytes] = derive, now_ms: float = NOW_MS) -> Keys:
    return Keys(derive_key, lambda: now_ms)


def fields(path: str) -> tuple[int, str]:
    parts = dict(part.split("=", 1) for part in path.partition("?")[2].split("&"))
    return int(parts["exp"]), parts["sig"]


def test_a_signed_path_opens_what_it_was_signed_for() -> None:
    path = keys().master_path(TRACK)
    assert path.startswith("/audio/tracks/42/master.m3u8?exp=")
    keys().check_master(TRACK, *fields(path))


def test_the_same_path_is_given_for_hours() -> None:
    begin = (NOW_MS // (EXPIRY_STEP_S * 1000)) * EXPIRY_STEP_S * 1000
    paths = {keys(now_ms=begin + hours * 3_600_000).master_path(TRACK) for hours in (0, 2, 5.99)}
    assert len(paths) == 1


@pytest.mark.parametrize("hours", [0, 3, 5.99])
def test_a_path_lasts_six_hours_at_least_and_twelve_at_most(hours: float) -> None:
    now_ms = NOW_MS + hours * 3_600_000
    exp, sig = fields(keys(now_ms=now_ms).master_path(TRACK))
    keys(now_ms=now_ms + 6 * 3_600_000 - 1).check_master(TRACK, exp, sig)
    with pytest.raises(Refusal, match="expired"):
        keys(now_ms=now_ms + 12 * 3_600_000).check_master(TRACK, exp, sig)


def test_a_signature_opens_nothing_else_and_not_for_longer() -> None:
    exp, sig = fields(keys().master_path(TRACK))
    with pytest.raises(Refusal, match="not one of ours"):
        keys().check_master(TrackId(43), exp, sig)
    with pytest.raises(Refusal, match="not one of ours"):
        keys().check_master(TRACK, exp + EXPIRY_STEP_S, sig)
    with pytest.raises(Refusal, match="not one of ours"):
        keys().check_media(str(TRACK), exp, sig)
    with pytest.raises(Refusal, match="not one of ours"):
        keys().check_master(TRACK, exp, "é" + sig)


def test_another_server_has_other_blob_keys() -> None:
    other = keys(lambda purpose: hashlib.sha256(purpose.encode()).digest())
    assert keys().blob_key(SOURCE) == keys().blob_key(SOURCE)
    assert keys().blob_key(SOURCE) != other.blob_key(SOURCE)


def test_rotating_the_playlist_key_touches_no_blob() -> None:
    rotated = keys(lambda purpose: derive(purpose + "2" if purpose == "playlists" else purpose))
    assert rotated.blob_key(SOURCE) == keys().blob_key(SOURCE)
    assert rotated.master_path(TRACK) != keys().master_path(TRACK)


def test_the_same_image_has_one_key() -> None:
    assert keys().cover_key(b"image", "png") == keys().cover_key(b"image", "png")
    assert keys().cover_key(b"image", "png") != keys().cover_key(b"another", "png")
