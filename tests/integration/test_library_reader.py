"""Reading children: what they answer, and what happens when a file breaks them or a share hangs."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from library_folder import JPG, Music, move
from whatssound.adapters.media import reader as reader_module
from whatssound.adapters.media.reader import ChildReader
from whatssound.adapters.media.thread_reader import ThreadReader
from whatssound.audio.folder import Found, Listed, Unreadable
from whatssound.audio.tags import Asked, Tags


@pytest.fixture
async def reader() -> AsyncIterator[ChildReader]:
    reader = ChildReader(nice=0)
    yield reader
    await reader.stop()


async def walked(reader: ChildReader | ThreadReader, folder: Path) -> Listed:
    whole = Listed()
    async for part in reader.walk(str(folder)):
        whole.found += part.found
        whole.skipped += part.skipped
        whole.blind += part.blind
        whole.entries += part.entries
    whole.found.sort(key=lambda found: found.path)
    return whole


async def test_children_answer_as_the_code_in_this_process_does(
    reader: ChildReader, music: Music, tmp_path: Path
) -> None:
    for n in range(3):
        music.file(tmp_path / "Ana" / f"0{n} Ñu.flac", pitch_hz=200.0 + n, title="Ñu", artist="Ana")
    (tmp_path / "Ana" / "cover.jpg").write_bytes(JPG)
    (tmp_path / "Ana" / "nowhere.mp3").symlink_to("nothing")
    here = ThreadReader()
    listed = await walked(reader, tmp_path)
    assert listed == await walked(here, tmp_path)
    assert len(listed.found) == 3
    asked = [Asked(found.path, found.beside) for found in listed.found] + [Asked("/nowhere")]
    answers = await reader.tags(asked)
    assert answers == await here.tags(asked)
    assert isinstance(answers[0], Tags)
    assert isinstance(answers[3], Unreadable)
    assert await reader.cover(asked[0]) == JPG
    assert await reader.present([listed.found[0].path, "/nowhere"]) == {listed.found[0].path}


async def test_a_folder_that_is_not_there_raises(reader: ChildReader, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await walked(reader, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        await walked(reader, tmp_path / "file")


async def test_a_file_that_kills_its_reader_is_named_and_the_others_are_read(
    reader: ChildReader, music: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [music.file(tmp_path / f"{n}.flac", title=f"T{n}") for n in range(5)]
    deadly = Asked(str(tmp_path / "2.flac"))
    monkeypatch.setenv("PYTHONPATH", str(_killer(tmp_path, deadly.path)), prepend=os.pathsep)
    answers = await reader.tags([Asked(str(file)) for file in files])
    assert [a.title if isinstance(a, Tags) else a.why for a in answers] == [
        *("T0", "T1", "it breaks what reads tags", "T3", "T4"),
    ]


def _killer(folder: Path, path: str) -> Path:
    """A place for Python's start-up hook that ends a child which opens `path`, as a parser's bug would."""
    hooks = folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(
        "import os, sys\n"
        f"sys.addaudithook(lambda event, args: event == 'open' and args[0] == {path!r} and os.abort())\n"
    )
    return hooks


async def test_a_child_that_hangs_is_a_timeout_and_not_asked_again(
    reader: ChildReader, music: Music, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = tmp_path / "hangs.mp3"
    os.mkfifo(fifo)
    await reader.present(["/"])
    monkeypatch.setattr(reader_module, "SILENT_S", 0.2)
    with pytest.raises(TimeoutError):
        await reader.cover(Asked(str(music.file(tmp_path / "a.mp3")), str(fifo)))
    monkeypatch.setattr(reader_module, "SILENT_S", 60.0)
    [tags] = await reader.tags([Asked(str(tmp_path / "a.mp3"))])
    assert isinstance(tags, Tags)


async def test_children_that_died_while_idle_are_replaced(reader: ChildReader, tmp_path: Path) -> None:
    await reader.present(["/"])
    [(child, _)] = reader._idle  # pyright: ignore[reportPrivateUsage]
    process = child._process  # pyright: ignore[reportPrivateUsage]
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert await reader.present([str(tmp_path)]) == {str(tmp_path)}


async def test_a_walk_that_is_broken_off_ends_its_child(reader: ChildReader, music: Music, tmp_path: Path) -> None:
    music.file(tmp_path / "a.mp3")
    parts = reader.walk(str(tmp_path))
    first = await anext(parts)
    assert [Path(found.path).name for found in first.found] == ["a.mp3"]
    await parts.aclose()
    assert reader._idle == []  # pyright: ignore[reportPrivateUsage]
    assert reader._busy == set()  # pyright: ignore[reportPrivateUsage]


async def test_a_folder_behind_links_has_one_way_in_and_loops_end(
    reader: ChildReader, music: Music, tmp_path: Path
) -> None:
    music.file(tmp_path / "music" / "z" / "a.mp3")
    (tmp_path / "music" / "a link").symlink_to("z")
    (tmp_path / "music" / "z" / "loop").symlink_to("..")
    outside = move(music.file(tmp_path / "b.mp3").parent / "b.mp3", tmp_path / "c.mp3")
    (tmp_path / "elsewhere").mkdir()
    move(outside, tmp_path / "elsewhere" / "c.mp3")
    (tmp_path / "music" / "outside").symlink_to("../elsewhere")
    listed = await walked(reader, tmp_path / "music")
    assert [found.path for found in listed.found] == [
        str(tmp_path / "music" / "outside" / "c.mp3"),
        str(tmp_path / "music" / "z" / "a.mp3"),
    ]
    assert isinstance(listed.found[0], Found)
