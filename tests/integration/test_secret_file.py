"""The secret file: made once, whole and private; every key differs by purpose."""

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from whatssound.adapters.data_folder import DataFolderError
from whatssound.adapters.secret_file import Secret, open_secret


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_the_first_start_makes_32_random_bytes_that_only_we_may_read(file: Path) -> None:
    before = os.umask(0)
    try:
        open_secret(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(file.read_bytes()) == 32
    assert list(file.parent.iterdir()) == [file]


def test_the_next_start_derives_the_same_keys(file: Path) -> None:
    first = open_secret(file)
    assert [open_secret(file).derive(p) for p in ("jwt", "blobs", "playlists")] == [
        first.derive(p) for p in ("jwt", "blobs", "playlists")
    ]


def test_every_purpose_has_a_key_of_its_own(file: Path) -> None:
    secret = open_secret(file)
    keys = {secret.derive("jwt"), secret.derive("blobs"), secret.derive("playlists"), file.read_bytes()}
    assert len(keys) == 4


def test_a_misspelt_purpose_gets_no_key(file: Path) -> None:
    with pytest.raises(ValueError, match="'blob'"):
        open_secret(file).derive("blob")


def test_keys_stay_what_they_were_in_the_first_release() -> None:
    """Another key would sign everybody out and encode all audio anew."""
    secret = Secret(bytes(range(32)))
    assert secret.derive("blobs").hex() == "655de7d6f41fa6791e99c91977a5d06bbb3cfe40a67bd4e23312444a153596a6"
    assert secret.derive("jwt").hex() == "772c0ea72dfb08784b6f0639dcb7f6308a00e99bad17deecfcdeaf45f49e7517"


def test_a_jwt_secret_replaces_the_token_key_and_no_other(file: Path) -> None:
    own = open_secret(file)
    given = open_secret(file, jwt_secret="a secret that somebody chose, long enough")
    assert given.derive("jwt") == b"a secret that somebody chose, long enough"
    assert given.derive("blobs") == own.derive("blobs")
    assert given.derive("playlists") == own.derive("playlists")


def test_a_short_jwt_secret_is_refused(file: Path) -> None:
    with pytest.raises(DataFolderError, match="at least 32"):
        open_secret(file, jwt_secret="hunter2")


def test_a_secret_that_others_may_read_is_refused_with_the_command_that_mends_it(file: Path) -> None:
    open_secret(file)
    file.chmod(0o644)
    with pytest.raises(DataFolderError, match=f"chmod 600 {file}"):
        open_secret(file)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_secret_of_a_wrong_size_is_refused(file: Path, size: int) -> None:
    file.write_bytes(bytes(size))
    file.chmod(0o600)
    with pytest.raises(DataFolderError, match="damaged"):
        open_secret(file)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataFolderError, match="cannot be read or made"):
        open_secret(tmp_path / "nowhere" / "secret")


def test_a_secret_is_not_shown_when_it_is_logged(file: Path) -> None:
    assert repr(open_secret(file)) == "Secret(…)"


def test_starts_at_the_same_moment_agree_on_one_secret(file: Path) -> None:
    together = threading.Barrier(8)

    def start(_: int) -> bytes:
        together.wait()
        return open_secret(file).derive("jwt")

    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(start, range(8)))
    assert len(keys) == 1
    assert list(file.parent.iterdir()) == [file]
