"""What a file's place tells where its tags are silent: `Artist/Album (Year)/CD 1/07 Title.flac`. Pure."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

MAX_TITLE: Final = 300
"""Characters of a file's name that become a title."""

_NUMBERED = re.compile(r"(?:(?P<disc>\d)-)?(?:(?P<number>\d{1,3})\s*[-.)]\s*|(?P<plain>0\d|[1-3]\d)\s+)(?P<title>\S.*)")
"""Without a dot or dash only 01 to 39 count: 99 Luftballons have no number."""
_DISC = re.compile(r"(?:cd|dis[ck]|disco)\s*[-.]?\s*(\d{1,2})\b.*", re.IGNORECASE)
_YEAR_BEHIND = re.compile(r"(?P<name>.*\S)\s*[(\[](?P<year>1[89]\d\d|20\d\d)[)\]]")
_YEAR_BEFORE = re.compile(r"[(\[]?(?P<year>1[89]\d\d|20\d\d)(?:[)\]]\s*[-.]?|\s*[-.])\s*(?P<name>\S.*)")
_ARTIST_DASH = re.compile(r"(?P<artist>\S.*?)\s+-\s+(?P<rest>\S.*)")


@dataclass(frozen=True, slots=True)
class FolderNames:
    """`folder` is where the album lies: above `CD 1`, so that both halves of an album have the same one."""

    title: str
    folder: str
    artist: str | None = None
    album: str | None = None
    track_number: int | None = None
    disc_number: int | None = None
    year: int | None = None


def names_of(path: str, root: str) -> FolderNames:
    """The names on the way from the library folder `root` to the file."""
    below = PurePosixPath(path).relative_to(root)
    folders = list(below.parts[:-1])
    disc = None
    if folders and (matched := _DISC.fullmatch(_cleaned(folders[-1]))):
        disc = int(matched[1])
        folders.pop()
    folder = str(PurePosixPath(root, *folders))
    artist, album, year = _album_of(folders)
    title, number, disc_by_name = _numbered(title_of(below.name))
    if artist is None and (matched := _ARTIST_DASH.fullmatch(title)):
        artist, title = matched["artist"], matched["rest"]
    return FolderNames(title, folder, artist, album, number, disc or disc_by_name, year)


def title_of(filename: str) -> str:
    """A name of a file as a title: without its ending, in visible characters."""
    stem = PurePosixPath(filename.replace("\\", "/").replace("\0", "")).stem
    return _cleaned(stem)[:MAX_TITLE] or "Untitled"


def _album_of(folders: list[str]) -> tuple[str | None, str | None, int | None]:
    """`(artist, album, year)`; a single folder is an album, unless it names the artist as well."""
    if not folders:
        return None, None, None
    album, year = _dated(_cleaned(folders[-1]))
    if len(folders) > 1:
        return _cleaned(folders[-2]) or None, album or None, year
    if matched := _ARTIST_DASH.fullmatch(album):
        album, year_behind = _dated(matched["rest"])
        return matched["artist"], album, year or year_behind
    return None, album or None, year


def _dated(name: str) -> tuple[str, int | None]:
    matched = _YEAR_BEHIND.fullmatch(name) or _YEAR_BEFORE.fullmatch(name)
    return (matched["name"], int(matched["year"])) if matched else (name, None)


def _numbered(title: str) -> tuple[str, int | None, int | None]:
    """`(title, track number, disc number)`: `07 Title`, `07. Title`, `1-07 Title`."""
    matched = _NUMBERED.fullmatch(title)
    if matched is None:
        return title, None, None
    disc = matched["disc"]
    return matched["title"], int(matched["number"] or matched["plain"]), int(disc) if disc else None


def _cleaned(name: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in name.replace("_", " ")).split())
