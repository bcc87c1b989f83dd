"""/v1/tracks: the library."""

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import QueryParameter

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import ArtistName, Cursor, IdText, Limit, Query, id_of
from whatssound.http.saving import ogg, remove_track
from whatssound.http.services import Given, Home, LibraryGiven, PeopleGiven, Person, QuotasGiven, SignedIn
from whatssound.http.uploads import UploadOperation, received_file
from whatssound.ids import TrackId
from whatssound.wire.bodies import TrackAccepted, TrackBody, TrackPage
from whatssound.wire.errors import Refusal

AlbumKey = Annotated[str | None, QueryParameter(max_length=64, description="An album's `key`: its tracks, in order.")]
RoomToAsk = Annotated[
    str | None, QueryParameter(max_length=80, description="A room's id or slug: fills `played_ms` of each track.")
]


@post(
    "/",
    status_code=202,
    request_max_body_size=None,
    operation_class=UploadOperation,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "too_large", "unsupported", "disk_full"),
)
async def upload_track(
    request: Request[Any, Any, Any], user: Person, given: Given, quotas: QuotasGiven
) -> TrackAccepted:
    """Upload a piece of music as the `file` of a form. It is encoded at once; `GET` it to see how far it is."""
    require(user.role, "upload", given.people)
    limit_bytes = given.limits.upload_bytes
    async with (
        quotas.upload(user, request.content_length) as share,
        received_file(request, given.upload_folder, limit_bytes=limit_bytes, share=share) as upload,
    ):
        track = await given.library.upload(upload.path, upload.filename, user.id)
        if await given.accounts.person(user.id) is None:  # they deleted their account while it arrived
            await given.library.remove(track.id)
            raise Refusal("unauthorized", "This account is gone; nothing was kept.")
    return TrackAccepted(id=str(track.id), status=track.status)


@get("/", responses=problems.responses("invalid", "unauthorized", "forbidden", "banned", "not_found"))
async def list_tracks(
    *,
    user: Person,
    identity: SignedIn,
    home: Home,
    given: Given,
    q: Query = None,
    album: AlbumKey = None,
    artist: ArtistName = None,
    room: RoomToAsk = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> TrackPage:
    """The library, by title; with `q`, what contains its words; an album in its own order.

    For who may upload or open rooms. With `room`, each track says when it was last played there.
    """
    require(user.role, "browse_library", given.people)
    page = await given.library.listing.tracks(q, limit, cursor, album=album, artist=artist)
    played: dict[TrackId, int] = {}
    if room is not None:
        found = await given.rooms.find(room)
        await given.rooms.admit(found, identity, home)
        played = await given.rooms.played(found.id, [track.id for track in page.tracks])
    shown = [given.library.body(track, viewer=user.id, played_ms=played.get(track.id)) for track in page.tracks]
    return TrackPage(tracks=shown, total=page.total, next=page.next)


@get("/{track_id:str}", responses=problems.responses("invalid", "unauthorized", "not_found"))
async def get_track(track_id: IdText, identity: SignedIn, library: LibraryGiven, people: PeopleGiven) -> TrackBody:
    """One track, with its waveform once it is known. For everybody with a token, as rooms show tracks."""
    require(identity.role, "read", people)
    id = TrackId(id_of(track_id, "track"))
    track = await library.get(id)
    return library.body(track, await library.peaks(id), viewer=identity.user_id)


@post(
    "/{track_id:str}/encode",
    status_code=202,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "overloaded"),
)
async def encode_track(track_id: IdText, user: Person, library: LibraryGiven, people: PeopleGiven) -> TrackAccepted:
    """Have a track encoded now; one that failed is tried again."""
    require(user.role, "encode", people)
    track = await library.want(TrackId(id_of(track_id, "track")), "asked")
    return TrackAccepted(id=str(track.id), status=track.status)


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/tracks",
        route_handlers=[upload_track, list_tracks, get_track, encode_track, remove_track, ogg],
        security=BEARER,
        tags=["Library"],
    )
