"""/v1/server: what a page needs before anybody has signed in, and what tells an operator that a proxy does its part."""

from typing import Any

from litestar import Request, Response, Router, get

from whatssound import __version__
from whatssound.http.services import ClientAddress, Given
from whatssound.wire.bodies import CallerBody, ServerBody


@get("/v1/server")
async def server(request: Request[Any, Any, Any], address: ClientAddress, given: Given) -> Response[ServerBody]:
    """What this server is, where its links begin and who may do what here."""
    links = given.links()
    body = ServerBody(
        version=__version__,
        links_base=links.base,
        reach=links.reach,
        may_register=given.people.may_register,
        may_upload=given.people.may_upload,
        may_open_rooms=given.people.may_open_rooms,
        you=_caller(request, address, given),
    )
    return Response(body, headers={"Cache-Control": "no-store"})


def _caller(request: Request[Any, Any, Any], address: str, given: Given) -> CallerBody:
    if "x-forwarded-for" not in request.headers:
        return CallerBody(address, "none")
    peer = request.client.host if request.client else ""
    return CallerBody(address, "believed" if given.proxies.trusts(peer) else "ignored")


def router() -> Router:
    """The routes."""
    return Router("/", route_handlers=[server], tags=["Running it"])
