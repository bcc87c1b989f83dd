"""/v1/rooms: DJ sessions."""

from litestar import Router, get, patch, post
from litestar.params import JSONBody

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER, BEARER_OR_NONE
from whatssound.http.inputs import IdOrSlug
from whatssound.http.services import Given, Home, Person, RoomsGiven, SignedIn, Visitor
from whatssound.rooms.room import Room
from whatssound.wire.bodies import MemberList, RoomBody, RoomList, RoomPatch, RoomRequest


def body_of(given: Given, room: Room) -> RoomBody:
    """The room as the API shows it."""
    parts = given.rooms.snapshot(room)
    return RoomBody(room=parts.room, playback=parts.playback, queue=parts.queue, listeners=given.listeners(room.id))


@post("/", status_code=201, security=BEARER, responses=problems.responses("invalid", "unauthorized", "forbidden"))
async def open_room(data: JSONBody[RoomRequest], user: Person, given: Given) -> RoomBody:
    """Open a room; you are its DJ. It is unlisted unless its settings say otherwise."""
    require(user.role, "open_room", given.people)
    return body_of(given, await given.rooms.create(user, data.title, data.settings))


@get("/", security=BEARER_OR_NONE, responses=problems.responses("unauthorized"))
async def list_rooms(visitor: Visitor, given: Given) -> RoomList:
    """The open rooms that are listed, and your own, newest first."""
    return RoomList(rooms=[body_of(given, room) for room in await given.rooms.listed(visitor)])


@get("/{room:str}", security=BEARER, responses=problems.responses("invalid", "unauthorized", "banned", "not_found"))
async def get_room(room: IdOrSlug, identity: SignedIn, home: Home, given: Given) -> RoomBody:
    """One room, by id or slug; an unlisted one too, for whoever has its link."""
    require(identity.role, "read", given.people)
    found = await given.rooms.find(room)
    await given.rooms.admit(found, identity, home)
    return body_of(given, found)


@patch(
    "/{room:str}",
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "conflict", "ended"),
)
async def change_room(
    room: IdOrSlug, data: JSONBody[RoomPatch], user: Person, rooms: RoomsGiven, given: Given
) -> RoomBody:
    """Retitle a room, change its settings, or end it for good. For its DJ; what is left out stays."""
    found = await rooms.find(room)
    changed = await rooms.patch(user, found.id, title=data.title, settings=data.settings, end=data.state == "ended")
    return body_of(given, changed)


@get(
    "/{room:str}/members",
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "ended"),
)
async def list_members(room: IdOrSlug, user: Person, rooms: RoomsGiven) -> MemberList:
    """The room's moderators, and who is muted or banned now. For its DJ and moderators."""
    found = await rooms.find(room)
    return MemberList(members=await rooms.members(user, found.id))


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/rooms", route_handlers=[open_room, list_rooms, get_room, change_room, list_members], tags=["Rooms"]
    )
