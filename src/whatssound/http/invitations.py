"""/v1/invitations: links by which people become invited."""

from typing import Annotated

from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from whatssound.accounts.invitation import Invitation
from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.inputs import IdText, id_of
from whatssound.http.services import UNCOMPRESSED, InvitationsGiven, PeopleGiven, Person
from whatssound.wire.bodies import (
    InvitationAcceptance,
    InvitationBody,
    InvitationCheck,
    InvitationList,
    InvitationRequest,
    Tokens,
)

CodeText = Annotated[str, PathParameter(max_length=64, description="The code of an invitation's link.")]


@post(
    "/",
    status_code=201,
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "conflict"),
)
async def make_invitation(
    data: JSONBody[InvitationRequest], user: Person, invitations: InvitationsGiven, people: PeopleGiven
) -> InvitationBody:
    """Make an invitation. Its link is the server's address followed by `path`; it is not shown again."""
    require(user.role, "invite", people)
    invitation, code = await invitations.make(user, uses=data.uses, days=data.days)
    return _shown(invitation, code)


@get("/", security=BEARER, responses=problems.responses("unauthorized", "forbidden"))
async def list_invitations(user: Person, invitations: InvitationsGiven, people: PeopleGiven) -> InvitationList:
    """The invitations that are open, newest first, without their codes."""
    require(user.role, "invite", people)
    return InvitationList(invitations=[_shown(invitation) for invitation in await invitations.open()])


@delete(
    "/{invitation_id:str}",
    status_code=204,
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found"),
)
async def take_back_invitation(
    invitation_id: IdText, user: Person, invitations: InvitationsGiven, people: PeopleGiven
) -> None:
    """Take an invitation back: from now on it lets nobody in. Who came by it stays."""
    require(user.role, "invite", people)
    await invitations.take_back(id_of(invitation_id, "invitation"))


@get("/check/{code:str}", responses=problems.responses("invalid", "not_found"))
async def check_invitation(code: CodeText, invitations: InvitationsGiven) -> InvitationCheck:
    """Who invites with this code, and until when; for everybody who has the link."""
    invitation, host = await invitations.look_at(code)
    return InvitationCheck(invited_by="" if host is None else host.name, expires_ms=invitation.expires_ms)


@post(
    "/accept",
    status_code=200,
    security=BEARER,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "not_found"),
)
async def accept_invitation(
    data: JSONBody[InvitationAcceptance], user: Person, invitations: InvitationsGiven
) -> Tokens:
    """Become one of the invited with an account you have. Without one, register with the code instead."""
    return (await invitations.accept(user, data.code))[1]


def _shown(invitation: Invitation, code: str | None = None) -> InvitationBody:
    return InvitationBody(
        id=str(invitation.id),
        expires_ms=invitation.expires_ms,
        uses_left=invitation.uses_left,
        code=code,
        path=None if code is None else f"/#invite={code}",
    )


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/invitations",
        route_handlers=[make_invitation, list_invitations, take_back_invitation, check_invitation, accept_invitation],
        opt={UNCOMPRESSED: True},
        tags=["People"],
    )
