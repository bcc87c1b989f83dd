"""/audio: playlists, segments and covers, for our page and for anybody's player."""

from typing import Annotated, Any, Final

from litestar import Request, Response, Router, route
from litestar.params import FromPath, QueryParameter

from whatssound.http import files, problems
from whatssound.http.inputs import IdText, id_of
from whatssound.http.services import UNCOMPRESSED, EdgeGiven
from whatssound.ids import TrackId

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"

PLAYLIST_CACHE: Final = "public, max-age=10"
"""Playlists grow better while a track is encoded; ten seconds still lets a CDN answer a whole room at once."""

Expiry = Annotated[int, QueryParameter(ge=0, le=10**12, description="Until when, Unix s.")]
Signature = Annotated[str, QueryParameter(max_length=200)]

_REFUSED: Final = problems.responses("invalid", "forbidden", "not_found", "unsupported", "unavailable")


@route("/tracks/{track_id:str}/master.m3u8", http_method=["GET", "HEAD"], media_type=PLAYLIST_TYPE, responses=_REFUSED)
async def master_playlist(
    request: Request[Any, Any, Any], track_id: IdText, exp: Expiry, sig: Signature, edge: EdgeGiven
) -> Response[bytes]:
    """A track's master playlist, by the signed path that its `hls` gives. Asking for it has the track encoded."""
    return _playlist(request, await edge.master(TrackId(id_of(track_id, "track")), exp, sig))


@route(
    "/{blob_key:str}/{kbps:int}/index.m3u8", http_method=["GET", "HEAD"], media_type=PLAYLIST_TYPE, responses=_REFUSED
)
async def media_playlist(
    *,
    request: Request[Any, Any, Any],
    blob_key: FromPath[str],
    kbps: FromPath[int],
    exp: Expiry,
    sig: Signature,
    edge: EdgeGiven,
) -> Response[bytes]:
    """The whole playlist of one rendition, complete also while the rendition is being made."""
    return _playlist(request, await edge.media(blob_key, kbps, exp, sig))


@route(
    "/{blob_key:str}/{kbps:int}/{name:str}",
    http_method=["GET", "HEAD"],
    media_type="video/iso.segment",
    responses=problems.responses("invalid", "not_found", "range_not_satisfiable", "unavailable"),
)
async def segment(
    request: Request[Any, Any, Any], blob_key: FromPath[str], kbps: FromPath[int], name: FromPath[str], edge: EdgeGiven
) -> Response[bytes]:
    """`init.mp4` or `<n>.m4s`. One that is being made is waited for, up to 8 s."""
    return await files.send(request, await edge.segment(blob_key, kbps, name))


@route(
    "/covers/{key:str}",
    http_method=["GET", "HEAD"],
    media_type="image/jpeg",
    responses=problems.responses("invalid", "not_found", "range_not_satisfiable"),
)
async def cover(request: Request[Any, Any, Any], key: FromPath[str], edge: EdgeGiven) -> Response[bytes]:
    """A cover image."""
    return await files.send(request, await edge.cover(key))


def _playlist(request: Request[Any, Any, Any], text: str) -> Response[bytes]:
    data = text.encode()
    headers = {"Cache-Control": PLAYLIST_CACHE, "Content-Length": str(len(data)), "Content-Type": PLAYLIST_TYPE}
    return Response(b"" if request.method == "HEAD" else data, headers=headers, media_type=PLAYLIST_TYPE)


def router() -> Router:
    """The routes."""
    return Router(
        "/audio",
        route_handlers=[master_playlist, media_playlist, segment, cover],
        opt={UNCOMPRESSED: True},
        tags=["Audio"],
    )
