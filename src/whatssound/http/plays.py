"""/v1/rooms/{room}/plays: the history of the set."""

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdOrSlug, Limit, id_of
from whatssound.http.services import Home, PeopleGiven, RoomsGiven, SignedIn
from whatssound.rooms.plays import Play
from whatssound.wire.bodies import PlayBody, PlayPage

Before = Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,19}$", description="`next` of the page before.")]


@get("/", responses=problems.responses("invalid", "unauthorized", "banned", "not_found"))
async def list_plays(
    *,
    room: IdOrSlug,
    identity: SignedIn,
    home: Home,
    rooms: RoomsGiven,
    people: PeopleGiven,
    before: Before = None,
    limit: Limit = 50,
) -> PlayPage:
    """What the room has played, newest first; `ended_ms` is null while it sounds. The newest 10,000 are kept."""
    require(identity.role, "read", people)
    found = await rooms.find(room)
    await rooms.admit(found, identity, home)
    page = await rooms.plays(found.id, None if before is None else id_of(before, "play"), limit)
    return PlayPage(
        plays=[_body(play) for play in page.plays], next=None if page.next_ms is None else str(page.next_ms)
    )


def _body(play: Play) -> PlayBody:
    """Plays of a room do not overlap, so the start names one."""
    return PlayBody(
        id=str(play.started_ms),
        track=play.entry.track,
        started_ms=play.started_ms,
        ended_ms=play.ended_ms,
        added_by=play.entry.added_by,
    )


def router() -> Router:
    """The route."""
    return Router("/v1/rooms/{room:str}/plays", route_handlers=[list_plays], security=BEARER, tags=["Rooms"])
