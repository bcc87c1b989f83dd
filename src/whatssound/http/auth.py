"""/v1/auth: signing in."""

from litestar import Router, post
from litestar.params import JSONBody

from whatssound.http import problems
from whatssound.http.services import UNCOMPRESSED, AccountsGiven, ClientAddress, GuestRateGiven
from whatssound.wire.bodies import GuestRequest, OwnerRequest, RefreshRequest, Tokens


@post("/guest", status_code=200, responses=problems.responses("invalid", "conflict", "rate_limited"))
async def sign_in_as_guest(
    data: JSONBody[GuestRequest], address: ClientAddress, accounts: AccountsGiven, guest_rate: GuestRateGiven
) -> Tokens:
    """Sign in with a name. A name that somebody has gets a number: see `user.name` in the answer."""
    guest_rate.admit(address)
    return (await accounts.guest(data.name))[1]


@post("/owner", status_code=200, responses=problems.responses("invalid", "unauthorized"))
async def sign_in_as_owner(data: JSONBody[OwnerRequest], accounts: AccountsGiven) -> Tokens:
    """Sign in with the one-time code of the owner link that the server printed."""
    return (await accounts.owner_by_code(data.code))[1]


@post("/refresh", status_code=200, responses=problems.responses("invalid", "unauthorized"))
async def refresh(data: JSONBody[RefreshRequest], accounts: AccountsGiven) -> Tokens:
    """Renew both tokens. The refresh token is used up; using it again later than 30 s ends the sign-in."""
    return (await accounts.refresh(data.refresh_token))[1]


def router() -> Router:
    """The routes."""
    return Router(
        "/v1/auth",
        route_handlers=[sign_in_as_guest, sign_in_as_owner, refresh],
        opt={UNCOMPRESSED: True},
        tags=["People"],
    )
