"""/v1/rooms/{room}/messages: what was said."""

from typing import Annotated

from litestar import Router, get
from litestar.params import QueryParameter

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdOrSlug, Limit, id_of
from whatssound.http.services import Home, MessagesGiven, PeopleGiven, RoomsGiven, SignedIn
from whatssound.ids import MessageId
from whatssound.wire.bodies import MessagePage
from whatssound.wire.errors import Refusal

MessageIdText = Annotated[str | None, QueryParameter(pattern=r"^[0-9]{1,19}$", description="A message's id.")]


@get("/", responses=problems.responses("invalid", "unauthorized", "banned", "not_found", "overloaded"))
async def list_messages(
    *,
    room: IdOrSlug,
    identity: SignedIn,
    rooms: RoomsGiven,
    messages: MessagesGiven,
    home: Home,
    people: PeopleGiven,
    before: MessageIdText = None,
    after: MessageIdText = None,
    around: MessageIdText = None,
    limit: Limit = 50,
) -> MessagePage:
    """A page of the chat, newest first: the newest, or those `before`, `after` or `around` a message."""
    require(identity.role, "read", people)
    if sum(bound is not None for bound in (before, after, around)) > 1:
        raise Refusal("invalid", "Ask with one of before, after and around.")
    found = await rooms.find(room)
    await rooms.admit(found, identity, home)
    page = await messages.page(found.id, before=_id(before), after=_id(after), around=_id(around), limit=limit)
    return MessagePage(messages=[message.as_wire() for message in page.messages], has_more=page.has_more)


def _id(text: str | None) -> MessageId | None:
    return None if text is None else MessageId(id_of(text, "message"))


def router() -> Router:
    """The route."""
    return Router("/v1/rooms/{room:str}/messages", route_handlers=[list_messages], security=BEARER, tags=["Rooms"])
