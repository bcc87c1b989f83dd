"""Which tracks make an album, and whose it is. Pure."""

import hashlib
from typing import Final

from whatssound.audio.search import folded

_VARIOUS: Final = frozenset(
    (
        "various artists",
        "various",
        "va",
        "v.a.",
        "v/a",
        "varios artistas",
        "varios",
        "varios interpretes",
        "verschiedene",
    )
)
"""Album artists that are nobody, folded."""


def credited(artist: str | None, album_artist: str | None) -> str | None:
    """The artist a track is listed under: the album's, so that guests make no artists of their own.

    A compilation is nobody's, and each of its tracks is listed under who plays it.
    """
    if album_artist is None or folded(album_artist) in _VARIOUS:
        return artist
    return album_artist


def album_key(album: str | None, album_artist: str | None, folder: str) -> str | None:
    """The same for all tracks of an album and for no other: by album artist when the tags name one, else by folder.

    So a compilation stays whole though each track is by somebody else, and an album on two discs is one.
    None for a track without an album.
    """
    if album is None:
        return None
    whose = f"by\0{folded(album_artist)}" if album_artist else f"in\0{folder}"
    return hashlib.sha256(f"{folded(album)}\0{whose}".encode()).hexdigest()[:32]
