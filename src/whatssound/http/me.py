"""/v1/me: the person who asks."""

from litestar import Router, delete, get, patch, post
from litestar.params import JSONBody

from whatssound.accounts.roles import require
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.services import (
    UNCOMPRESSED,
    AccountsGiven,
    DeparturesGiven,
    MembersGiven,
    PeopleGiven,
    Person,
    QuotasGiven,
    RatesGiven,
)
from whatssound.wire.bodies import Account, DepartureRequest, Me, NameRequest, PasswordRequest, Tokens


@get("/", responses=problems.responses("unauthorized", "forbidden"))
async def get_me(user: Person, accounts: AccountsGiven, members: MembersGiven, quotas: QuotasGiven) -> Me:
    """Who you are, as you are called now, and what you may do and keep here."""
    shown = accounts.shown(user)
    return Me(
        id=shown.id,
        name=shown.name,
        role=shown.role,
        may=shown.may,
        has_password=await members.has_password(user.id),
        storage=await quotas.storage(user),
    )


@patch("/", responses=problems.responses("invalid", "unauthorized", "forbidden", "conflict"))
async def rename_me(data: JSONBody[NameRequest], user: Person, accounts: AccountsGiven, people: PeopleGiven) -> Account:
    """Take another name. One that somebody has gets a number: see `name` in the answer."""
    require(user.role, "rename", people)
    return accounts.shown(await accounts.rename(user, data.name))


@post(
    "/password",
    status_code=200,
    opt={UNCOMPRESSED: True},
    responses=problems.responses("invalid", "unauthorized", "forbidden", "rate_limited", "overloaded"),
)
async def set_password(
    data: JSONBody[PasswordRequest], user: Person, members: MembersGiven, rates: RatesGiven
) -> Tokens:
    """Set or change your password. Every sign-in of yours ends, this one too: go on with the tokens of the answer."""
    rates.password(user.id)
    await members.confirm(user, data.old)
    return await members.set_password(user, data.new)


@delete(
    "/",
    status_code=204,
    responses=problems.responses("invalid", "unauthorized", "forbidden", "rate_limited", "overloaded"),
)
async def delete_me(
    *,
    data: JSONBody[DepartureRequest | None] = None,
    user: Person,
    members: MembersGiven,
    departures: DeparturesGiven,
    rates: RatesGiven,
) -> None:
    """Delete your account for good: sign-ins, uploads and what was made of them, saved queues; your rooms end.

    What you said stays in the rooms, without your name.
    """
    rates.password(user.id)
    await members.confirm(user, None if data is None else data.password)
    await departures.delete(user)


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/me", route_handlers=[get_me, rename_me, set_password, delete_me], security=BEARER, tags=["People"]
    )
