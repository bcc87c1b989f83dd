"""/v1/rooms/{room}/listeners: who hears it."""

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdOrSlug, Limit, id_of
from whatssound.http.services import Given, Home, SignedIn
from whatssound.ids import UserId
from whatssound.wire.bodies import ListenerPage

After = Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,19}$", description="`next` of the page before.")]


@get("/", responses=problems.responses("invalid", "unauthorized", "banned", "not_found"))
async def list_listeners(
    *, room: IdOrSlug, identity: SignedIn, home: Home, given: Given, after: After = None, limit: Limit = 50
) -> ListenerPage:
    """How many sockets are in the room, and the people behind them, in the order of their ids; for whoever may join it.

    Both are so within 2 s of somebody coming or going, and within 15 s of the loss of a process.
    """
    require(identity.role, "read", given.people)
    found = await given.rooms.find(room)
    await given.rooms.admit(found, identity, home)
    since = UserId(0) if after is None else UserId(id_of(after, "person"))
    people = await given.present(found.id, since, limit + 1)
    shown = list(people[:limit])
    return ListenerPage(
        count=given.listeners(found.id), people=shown, next=shown[-1].id if len(people) > limit else None
    )


def router() -> Router:
    """The route."""
    return Router("/v1/rooms/{room:str}/listeners", route_handlers=[list_listeners], security=BEARER, tags=["Rooms"])
