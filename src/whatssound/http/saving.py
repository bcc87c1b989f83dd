"""/v1/tracks/{id}/ogg and DELETE /v1/tracks/{id}: taking a track along, and taking it away."""

import unicodedata
from typing import Annotated, Any
from urllib.parse import quote

from litestar import Request, Response, delete, route
from litestar.params import QueryParameter

from whatssound.accounts.roles import require
from whatssound.accounts.user import Identity
from whatssound.audio.track import Track
from whatssound.http import files, problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdText, id_of
from whatssound.http.services import (
    UNCOMPRESSED,
    EdgeGiven,
    Home,
    LibraryGiven,
    PeopleGiven,
    Person,
    RoomsGiven,
    SignedIn,
)
from whatssound.ids import TrackId
from whatssound.rooms.room import Room
from whatssound.rooms.service import RoomService
from whatssound.rooms.tracks import needed_tracks
from whatssound.wire.errors import Refusal

RoomQuery = Annotated[
    str | None, QueryParameter(max_length=80, description="The id or slug of a room that allows saving and has it.")
]

_CACHE = "private, no-cache"
"""Who may save it can change; whether it changed is told by its tag."""


@delete(
    "/{track_id:str}",
    status_code=204,
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "conflict"),
)
async def remove_track(track_id: IdText, user: Person, library: LibraryGiven) -> None:
    """Remove an upload: the file and all that was made from it. It leaves every room. For its uploader and the owner.

    Files of a folder of music are never touched: remove them there. What is left of one that is gone can be removed.
    """
    track = await library.get(TrackId(id_of(track_id, "track")))
    if track.owner_id != user.id and user.role not in ("owner", "service"):
        raise Refusal("forbidden", "Only who uploaded a track, and this server's owner, may remove it.")
    await library.remove(track.id)


@route(
    "/{track_id:str}/ogg",
    http_method=["GET", "HEAD"],
    media_type="audio/ogg",
    security=BEARER,
    opt={UNCOMPRESSED: True},
    responses=problems.responses(
        "invalid", "unauthorized", "forbidden", "not_found", "unsupported", "range_not_satisfiable", "unavailable"
    ),
)
async def ogg(
    *,
    request: Request[Any, Any, Any],
    track_id: IdText,
    identity: SignedIn,
    library: LibraryGiven,
    edge: EdgeGiven,
    rooms: RoomsGiven,
    people: PeopleGiven,
    home: Home,
    room: RoomQuery = None,
) -> Response[Any]:
    """The whole track as Ogg Vorbis of about 160 kb/s. For the owner and the uploader; for others by `room`.

    It is made when it is first asked for: `unavailable` says when to ask again.
    """
    require(identity.role, "listen", people)
    track = await library.get(TrackId(id_of(track_id, "track")))
    if not _is_theirs(track, identity):
        await _check_room(rooms, room, identity, home, track.id)
    named = {"Content-Disposition": disposition(track)}
    return await files.send(request, await edge.ogg(track.id), cache=_CACHE, headers=named)


def disposition(track: Track) -> str:
    """`Content-Disposition` with the artist and title as the file's name, safe for every header and every disk."""
    name = " - ".join(part for part in (track.artist, track.title) if part)
    kept = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name)[:150].strip(" .") or "track"
    plain = unicodedata.normalize("NFKD", kept).encode("ascii", "ignore").decode().strip(" .") or "track"
    return f"attachment; filename=\"{plain}.ogg\"; filename*=UTF-8''{quote(kept, safe='')}.ogg"


def _is_theirs(track: Track, identity: Identity) -> bool:
    uploaded = track.owner_id is not None and track.owner_id == identity.user_id
    return uploaded or identity.role in ("owner", "service")


async def _check_room(rooms: RoomService, room: str | None, identity: Identity, home: str, track_id: TrackId) -> None:
    if room is None:
        raise Refusal("forbidden", "Name the room in which you hear this track; its DJ decides about saving.")
    found = await rooms.find(room)
    await rooms.admit(found, identity, home)
    if not _allows(found, track_id):
        raise Refusal("forbidden", "This session's DJ has not allowed saving this track.")


def _allows(room: Room, track_id: TrackId) -> bool:
    return room.settings.allow_saving and not room.ended and track_id in needed_tracks(room)
