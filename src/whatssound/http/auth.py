"""/v1/auth: signing in and out."""

from litestar import Router, post
from litestar.params import JSONBody

from whatssound.http import problems
from whatssound.http.identity import BEARER_OR_NONE
from whatssound.http.services import (
    UNCOMPRESSED,
    AccountsGiven,
    ClientAddress,
    MembersGiven,
    RatesGiven,
    Visitor,
)
from whatssound.wire.bodies import (
    GuestRequest,
    LoginRequest,
    OwnerRequest,
    RefreshRequest,
    RegisterRequest,
    Tokens,
)


@post("/guest", status_code=200, responses=problems.responses("invalid", "conflict", "rate_limited"))
async def sign_in_as_guest(
    data: JSONBody[GuestRequest], address: ClientAddress, accounts: AccountsGiven, rates: RatesGiven
) -> Tokens:
    """Sign in with a name. A name that somebody has gets a number: see `user.name` in the answer."""
    rates.new_person(address)
    return (await accounts.guest(data.name))[1]


@post(
    "/register",
    status_code=200,
    security=BEARER_OR_NONE,
    responses=problems.responses(
        "invalid", "unauthorized", "forbidden", "not_found", "conflict", "rate_limited", "overloaded"
    ),
)
async def register(
    *,
    data: JSONBody[RegisterRequest],
    address: ClientAddress,
    visitor: Visitor,
    accounts: AccountsGiven,
    members: MembersGiven,
    rates: RatesGiven,
) -> Tokens:
    """Make an account. With a guest's token that guest becomes it and keeps rooms, messages and uploads.

    A name that somebody has is refused with `conflict`; `details.free` is one like it that nobody has.
    """
    rates.new_person(address)
    guest = None if visitor is None or visitor.user_id is None else await accounts.user(visitor)
    return (await members.register(data.name, data.password, invitation=data.invitation, visitor=guest))[1]


@post("/login", status_code=200, responses=problems.responses("invalid", "unauthorized", "rate_limited", "overloaded"))
async def log_in(
    data: JSONBody[LoginRequest], address: ClientAddress, members: MembersGiven, rates: RatesGiven
) -> Tokens:
    """Sign in with name and password. Whether there is somebody of that name, the answer does not tell."""
    rates.login(address, data.name)
    return (await members.log_in(data.name, data.password))[1]


@post("/owner", status_code=200, responses=problems.responses("invalid", "unauthorized"))
async def sign_in_as_owner(data: JSONBody[OwnerRequest], accounts: AccountsGiven) -> Tokens:
    """Sign in with the one-time code of the owner link that the server printed."""
    return (await accounts.owner_by_code(data.code))[1]


@post("/refresh", status_code=200, responses=problems.responses("invalid", "unauthorized"))
async def refresh(data: JSONBody[RefreshRequest], accounts: AccountsGiven) -> Tokens:
    """Renew both tokens. The refresh token is used up; using it again later than 30 s ends the sign-in."""
    return (await accounts.refresh(data.refresh_token))[1]


@post("/logout", status_code=204, responses=problems.responses("invalid"))
async def log_out(data: JSONBody[RefreshRequest], accounts: AccountsGiven) -> None:
    """End this sign-in: its refresh token brings nothing any more. Its access token ends with its hour."""
    await accounts.sign_out(data.refresh_token)


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/auth",
        route_handlers=[sign_in_as_guest, register, log_in, sign_in_as_owner, refresh, log_out],
        opt={UNCOMPRESSED: True},
        tags=["People"],
    )
