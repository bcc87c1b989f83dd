"""/v1/server: what a page needs before anybody has signed in."""

from litestar import Response, Router, get

from whatssound import __version__
from whatssound.http.services import Given
from whatssound.wire.bodies import ServerBody


@get("/v1/server")
async def server(given: Given) -> Response[ServerBody]:
    """What this server is, where its links begin and who may do what here."""
    links = given.links()
    body = ServerBody(
        version=__version__,
        links_base=links.base,
        reach=links.reach,
        may_register=given.people.may_register,
        may_upload=given.people.may_upload,
        may_open_rooms=given.people.may_open_rooms,
    )
    return Response(body, headers={"Cache-Control": "no-store"})


def router() -> Router:
    """The routes."""
    return Router("/", route_handlers=[server], tags=["Running it"])
