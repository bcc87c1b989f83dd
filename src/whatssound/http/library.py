"""/v1/library, /v1/albums, /v1/artists: what there is to play, and how the server is getting on with it."""

from litestar import Router, get, post

from whatssound.accounts.roles import require
from whatssound.audio.ingest import Overview
from whatssound.audio.scan_state import FolderScan
from whatssound.audio.store import StoredAlbum
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import ArtistName, Cursor, Limit, Query
from whatssound.http.services import Given, LibraryGiven, PeopleGiven, Person
from whatssound.wire.bodies import (
    AlbumBody,
    AlbumPage,
    ArtistBody,
    ArtistPage,
    CacheBody,
    EncodesBody,
    FailedEncode,
    LibraryBody,
    RunningEncode,
    ScanBody,
)


@get("/albums", responses=problems.responses("invalid", "unauthorized", "forbidden"))
async def list_albums(
    *,
    user: Person,
    library: LibraryGiven,
    people: PeopleGiven,
    q: Query = None,
    artist: ArtistName = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> AlbumPage:
    """The albums, by title; with `q`, those whose name or artists have its words."""
    require(user.role, "browse_library", people)
    page = await library.listing.albums(q, limit, cursor, artist=artist)
    return AlbumPage(
        [_album(album, library.cover_path(album.cover_key)) for album in page.albums], page.total, page.next
    )


@get("/artists", responses=problems.responses("invalid", "unauthorized", "forbidden"))
async def list_artists(
    *,
    user: Person,
    library: LibraryGiven,
    people: PeopleGiven,
    q: Query = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArtistPage:
    """The artists, by name. A guest of an album is listed under the album's artist, a compilation under each of its."""
    require(user.role, "browse_library", people)
    page = await library.listing.artists(q, limit, cursor)
    return ArtistPage([ArtistBody(one.name, one.albums, one.tracks) for one in page.artists], page.total, page.next)


@get("/library", responses=problems.responses("unauthorized", "forbidden"))
async def get_library(user: Person, given: Given) -> LibraryBody:
    """How many tracks there are, how far each folder's scan is, what is encoded and what could not be."""
    require(user.role, "browse_library", given.people)
    tracks, offline = await given.library.counts()
    cache = given.library.cache()
    return LibraryBody(
        tracks=tracks,
        offline=offline,
        scans=[_scan(state) for state in given.rescans.states()],
        encodes=_encodes(await given.library.encodes()),
        cache=CacheBody(bytes=cache.bytes, limit_bytes=cache.limit_bytes),
    )


@post("/library/scan", status_code=202, responses=problems.responses("unauthorized", "forbidden"))
async def scan_library(user: Person, given: Given) -> None:
    """Look through the library's folders again, now. For the owner; see `GET /v1/library` for how far it is."""
    require(user.role, "scan", given.people)
    given.rescans.request()


def _album(album: StoredAlbum, cover: str | None) -> AlbumBody:
    return AlbumBody(
        key=album.key,
        title=album.title,
        artist=album.artist,
        year=album.year,
        tracks=album.tracks,
        duration_ms=album.duration_ms,
        cover=cover,
    )


def _scan(state: FolderScan) -> ScanBody:
    return ScanBody(
        folder=state.folder,
        state=state.state,
        seen=state.seen,
        added=state.added,
        changed=state.changed,
        moved=state.moved,
        offline=state.offline,
        unreadable=state.unreadable,
        skipped=list(state.skipped),
        reason=state.reason,
        finished_ms=state.finished_ms,
    )


def _encodes(now: Overview) -> EncodesBody:
    return EncodesBody(
        waiting=now.waiting,
        running=[RunningEncode(str(one.track_id), one.title, one.progress) for one in now.running],
        failed=[FailedEncode(str(one.track_id), one.title, one.reason) for one in now.failed],
        held=now.held,
    )


def router() -> Router:
    """The routes."""
    return Router(
        "/v1",
        route_handlers=[list_albums, list_artists, get_library, scan_library],
        security=BEARER,
        tags=["Library"],
    )
