"""What a walk and the database say of each other."""

from typing import Any

from whatssound.audio.comparing import Seen, compared, folder_of, is_below, outermost
from whatssound.audio.folder import Found
from whatssound.audio.store import KnownFile
from whatssound.audio.tags import READER_VERSION
from whatssound.ids import TrackId


def known(id: int, path: str, **other: Any) -> KnownFile:
    fields = {"source": "library", "size_bytes": 5, "mtime_ns": 7, "offline": False, "tags_version": READER_VERSION}
    return KnownFile(id=TrackId(id), path=path, **{**fields, **other})


def test_only_new_changed_and_older_read_files_are_read() -> None:
    found = [Found(f"/m/{name}", 5, 7) for name in ("same", "new", "larger", "newer", "older version")]
    differences = compared(
        Seen(found),
        [
            known(1, "/m/same"),
            known(2, "/m/larger", size_bytes=4),
            known(3, "/m/newer", mtime_ns=6),
            known(4, "/m/older version", tags_version=READER_VERSION - 1),
        ],
    )
    read = {one.found.path: one.known.id if one.known else None for one in differences.readings}
    assert read == {"/m/new": None, "/m/larger": 2, "/m/newer": 3, "/m/older version": 4}
    assert (differences.back, differences.gone, differences.hidden) == ([], [], [])


def test_what_is_missing_is_gone_unless_nobody_could_look() -> None:
    differences = compared(
        Seen([Found("/m/back", 5, 7)], ["/m/closed"]),
        [known(1, "/m/back", offline=True), known(2, "/m/gone"), known(3, "/m/closed/a"), known(4, "/m/closed too")],
    )
    assert differences.back == [1]
    assert [file.id for file in differences.gone] == [2, 4]
    assert [file.id for file in differences.hidden] == [3]


def test_uploads_that_lie_in_the_folder_are_left_alone() -> None:
    found = [Found("/m/uploads/1.mp3", 9, 9)]
    differences = compared(
        Seen(found), [known(1, "/m/uploads/1.mp3", source="upload"), known(2, "/m/uploads/2.mp3", source="upload")]
    )
    assert differences.readings == differences.gone == []


def test_folders_within_folders_are_scanned_once() -> None:
    assert outermost(["/m/a", "/m", "/m", "/music", "/m/a/b"]) == ["/m", "/music"]
    assert outermost(["/", "/m"]) == ["/"]
    assert folder_of("/music/x", ["/m", "/music"]) == "/music"
    assert folder_of("/mu/x", ["/m", "/music"]) is None
    assert not is_below("/m", "/m")
