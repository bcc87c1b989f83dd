"""/v1/queues: queues kept for another night."""

from litestar import Router, delete, get, post, put
from litestar.params import JSONBody

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdText, id_of
from whatssound.http.services import Given, Person
from whatssound.ids import TrackId, UserId
from whatssound.rooms.saved_queue_store import QueueSummary, SavedQueue, SavedTrack
from whatssound.wire.bodies import QueueBody, QueueList, QueueRequest, QueueSummaryBody, TrackBody

REMOVED = "This track was removed from the library."


@get("/", responses=problems.responses("unauthorized", "forbidden"))
async def list_queues(user: Person, given: Given) -> QueueList:
    """The queues you keep, the newest first, and how many of their tracks cannot be played now."""
    return QueueList(queues=[_summary(queue) for queue in await given.saved_queues.of(user.id)])


@post(
    "/", status_code=201, responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "conflict")
)
async def save_queue(data: JSONBody[QueueRequest], user: Person, given: Given) -> QueueBody:
    """Keep up to 500 tracks under a name of yours; a name that you use already is a `conflict` with its `id`."""
    require(user.role, "open_room", given.people)
    return await _body(given, user.id, await given.saved_queues.create(user.id, data.name, _ids(data)))


@get("/{queue_id:str}", responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found"))
async def get_queue(queue_id: IdText, user: Person, given: Given) -> QueueBody:
    """One of your queues. A track that is gone keeps its place, `failed` with the reason: leave it out on loading."""
    return await _body(given, user.id, await given.saved_queues.get(user.id, id_of(queue_id, "queue")))


@put("/{queue_id:str}", responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found", "conflict"))
async def replace_queue(queue_id: IdText, data: JSONBody[QueueRequest], user: Person, given: Given) -> QueueBody:
    """Another name or other tracks for one of your queues."""
    require(user.role, "open_room", given.people)
    id = id_of(queue_id, "queue")
    return await _body(given, user.id, await given.saved_queues.put(user.id, id, data.name, _ids(data)))


@delete("/{queue_id:str}", responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found"))
async def remove_queue(queue_id: IdText, user: Person, given: Given) -> None:
    """Delete one of your queues; its tracks stay in the library."""
    await given.saved_queues.remove(user.id, id_of(queue_id, "queue"))


def _ids(data: QueueRequest) -> list[TrackId]:
    return [TrackId(id_of(id, "track")) for id in data.track_ids]


async def _body(given: Given, viewer: UserId, queue: SavedQueue) -> QueueBody:
    known = await given.library.several(list({track.id for track in queue.tracks}))
    tracks = [
        given.library.body(known[track.id], viewer=viewer) if track.id in known else _removed(track)
        for track in queue.tracks
    ]
    return QueueBody(id=str(queue.id), name=queue.name, tracks=tracks, updated_ms=queue.updated_ms)


def _removed(track: SavedTrack) -> TrackBody:
    return TrackBody(
        id=str(track.id),
        status="failed",
        title=track.title,
        reason=REMOVED,
        artist=track.artist,
        duration_ms=track.duration_ms,
    )


def _summary(queue: QueueSummary) -> QueueSummaryBody:
    return QueueSummaryBody(
        id=str(queue.id),
        name=queue.name,
        count=queue.count,
        missing=queue.missing,
        duration_ms=queue.duration_ms,
        updated_ms=queue.updated_ms,
    )


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/queues",
        route_handlers=[list_queues, save_queue, get_queue, replace_queue, remove_queue],
        security=BEARER,
        tags=["Saved queues"],
    )
