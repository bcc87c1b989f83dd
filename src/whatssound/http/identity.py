"""Who asks: the bearer token of a request, and where it comes from."""

from typing import Any

from litestar import Request
from litestar.di import Provide
from litestar.openapi.spec import SecurityRequirement

from whatssound.accounts.user import Identity, User
from whatssound.http.services import AccountsGiven, Given, SignedIn
from whatssound.wire.errors import Refusal

BEARER: list[SecurityRequirement] = [{"bearer": []}]
"""For a route's `security`: it needs a token."""

BEARER_OR_NONE: list[SecurityRequirement] = [{"bearer": []}, {}]
"""For a route's `security`: it tells a signed-in person more."""


def visitor_of(request: Request[Any, Any, Any], accounts: AccountsGiven) -> Identity | None:
    """Who asks, or None without an Authorization header. Raises Refusal `unauthorized` for a bad token."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Refusal("unauthorized", "Send your token as `Authorization: Bearer <access token>`.")
    return accounts.verify(token.strip())


def identity_of(request: Request[Any, Any, Any], accounts: AccountsGiven) -> Identity:
    """Who asks. Raises Refusal `unauthorized` without a valid token."""
    visitor = visitor_of(request, accounts)
    if visitor is None:
        raise Refusal("unauthorized", "Sign in first: send your token as `Authorization: Bearer <access token>`.")
    return visitor


async def user_of(identity: SignedIn, accounts: AccountsGiven) -> User:
    """The person who asks. Raises Refusal `forbidden` for a token that only reads."""
    return await accounts.user(identity)


def address_of(request: Request[Any, Any, Any], given: Given) -> str:
    """The address of who asks; what a proxy says about it counts only when the proxy is trusted."""
    peer = request.client.host if request.client else ""
    return given.proxies.client(peer, request.headers.getall("x-forwarded-for", []))


def home_of_client(request: Request[Any, Any, Any], given: Given) -> str:
    """The home that bans count; "" when nobody knows it."""
    peer = request.client.host if request.client else ""
    return given.proxies.home(peer, request.headers.getall("x-forwarded-for", []))


def providers() -> dict[str, Provide]:
    """`address`, `home`, `visitor`, `identity` and `user`, for the application's dependencies."""
    return {
        "address": Provide(address_of, sync_to_thread=False),
        "home": Provide(home_of_client, sync_to_thread=False),
        "visitor": Provide(visitor_of, sync_to_thread=False),
        "identity": Provide(identity_of, sync_to_thread=False),
        "user": Provide(user_of),
    }
