"""What every BlobStore must do, wherever the bytes are kept."""

import asyncio
import os
from pathlib import Path

import pytest

from whatssound.adapters.blobs_files import FileBlobs
from whatssound.audio.blobs import BlobStore


@pytest.fixture(params=["files"])
def blobs(tmp_path: Path) -> BlobStore:
    return FileBlobs(tmp_path / "blobs")


async def content(blobs: BlobStore, name: str) -> bytes:
    found = await blobs.find(name)
    assert found is not None
    return found.path.read_bytes()


async def test_what_was_put_is_found_with_its_size(blobs: BlobStore) -> None:
    await blobs.put("a/128/0.m4s", b"sound")
    found = await blobs.find("a/128/0.m4s")
    assert found is not None
    assert (found.size_bytes, found.media_type) == (5, "audio/mp4")
    assert found.etag.startswith('"')
    assert await content(blobs, "a/128/0.m4s") == b"sound"


async def test_files_are_taken_and_are_gone_afterwards(blobs: BlobStore, tmp_path: Path) -> None:
    made = {f"a/64/{name}": tmp_path / name for name in ("init.mp4", "0.m4s")}
    for file in made.values():
        file.write_bytes(file.name.encode())
    await blobs.put_files(made)
    for name, file in made.items():
        assert await content(blobs, name) == file.name.encode()
        assert not file.exists()


async def test_files_before_one_that_is_missing_are_stored(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "first").write_bytes(b"sound")
    with pytest.raises(OSError, match="second"):
        await blobs.put_files({"a/0": tmp_path / "first", "a/1": tmp_path / "second", "a/2": tmp_path / "first"})
    assert await content(blobs, "a/0") == b"sound"
    assert await blobs.children("a") == ["0"]


async def test_what_was_never_put_is_not_found(blobs: BlobStore) -> None:
    assert await blobs.find("nothing") is None
    assert await blobs.read("nothing", limit_bytes=10) is None
    await blobs.put("file", b"")
    assert await blobs.find("file/below") is None


async def test_putting_again_replaces(blobs: BlobStore) -> None:
    await blobs.put("a", b"old")
    before = await blobs.find("a")
    await blobs.put("a", b"newer")
    after = await blobs.find("a")
    assert await blobs.read("a", limit_bytes=5) == b"newer"
    assert before is not None
    assert after is not None
    assert before.etag != after.etag


async def test_reading_more_than_the_limit_is_refused(blobs: BlobStore) -> None:
    await blobs.put("a", b"12345")
    assert await blobs.read("a", limit_bytes=5) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        await blobs.read("a", limit_bytes=4)


async def test_many_writers_of_one_name_leave_one_whole_blob(blobs: BlobStore) -> None:
    versions = [bytes([n]) * 100_000 for n in range(8)]
    await asyncio.gather(*(blobs.put("a/b", version) for version in versions))
    assert await content(blobs, "a/b") in versions


NAMES = ["", "/", "/etc/passwd", "..", "../a", "a/../b", "a//b", "a/", ".hidden", "a/.b", "A", "a b", "a\0", "ä", "a\n"]


@pytest.mark.parametrize("name", [*NAMES, "a/" * 6 + "b", "x" * 101])
async def test_no_name_leads_out_of_the_store(blobs: BlobStore, name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match="not a blob's name"):
        await blobs.put(name, b"")
    with pytest.raises(ValueError, match="not a blob's name"):
        await blobs.put_files({name: tmp_path / "file"})
    with pytest.raises(ValueError, match="not a blob's name"):
        await blobs.find(name)
    with pytest.raises(ValueError, match="not a blob's name"):
        await blobs.read(name, limit_bytes=1)


async def test_a_refused_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        await FileBlobs(tmp_path / "blobs").put("a/b", b"")
    assert os.listdir(tmp_path) == ["blobs"]


async def test_children_are_the_next_parts_of_all_names(blobs: BlobStore) -> None:
    for name in ("a/128/0.m4s", "a/128/1.m4s", "a/64/0.m4s", "covers/x.png"):
        await blobs.put(name, b"12345")
    assert sorted(await blobs.children()) == ["a", "covers"]
    assert sorted(await blobs.children("a")) == ["128", "64"]
    assert sorted(await blobs.children("a/128")) == ["0.m4s", "1.m4s"]
    assert await blobs.children("nothing") == await blobs.children("covers/x.png") == []


async def test_a_size_counts_one_blob_or_all_below(blobs: BlobStore) -> None:
    await blobs.put("a/128/0.m4s", b"12345")
    await blobs.put("a/about", b"123")
    assert await blobs.size("a") == 8
    assert await blobs.size("a/about") == 3
    assert await blobs.size("nothing") == 0


async def test_what_is_removed_is_gone_with_all_below_and_nothing_else(blobs: BlobStore) -> None:
    for name in ("a/128/0.m4s", "a/64/0.m4s", "ab/128/0.m4s", "covers/x.png", "covers/y.png"):
        await blobs.put(name, b"12345")
    await blobs.remove("a", "covers/x.png", "nothing")
    assert await blobs.find("a/128/0.m4s") is None
    assert sorted(await blobs.children()) == ["ab", "covers"]
    assert await blobs.children("covers") == ["y.png"]
    await blobs.put("a/128/0.m4s", b"again")
    assert await content(blobs, "a/128/0.m4s") == b"again"


async def test_whoever_reads_what_is_removed_reads_it_to_the_end(blobs: BlobStore) -> None:
    await blobs.put("a/128/0.m4s", b"12345")
    found = await blobs.find("a/128/0.m4s")
    assert found is not None
    with found.path.open("rb") as reading:
        await blobs.remove("a")
        assert reading.read() == b"12345"


async def test_what_a_kill_left_of_a_removal_is_tidied_up(blobs: BlobStore, tmp_path: Path) -> None:
    await blobs.put("a/128/0.m4s", b"12345")
    root = tmp_path / "blobs"
    await asyncio.to_thread((root / "a").rename, root / ".gone-1234")  # where a kill would have stopped
    assert await blobs.children() == []
    await blobs.tidy()
    assert await asyncio.to_thread(lambda: list(root.iterdir())) == []
