"""/v1/me: the person who asks."""

from litestar import Router, get, patch
from litestar.params import JSONBody

from whatssound.accounts.roles import require
from whatssound.accounts.service import as_account
from whatssound.http import problems
from whatssound.http.identity import BEARER
from whatssound.http.services import AccountsGiven, PeopleGiven, Person
from whatssound.wire.bodies import Account, NameRequest


@get("/", responses=problems.responses("unauthorized", "forbidden"))
async def get_me(user: Person) -> Account:
    """Who you are, as you are called now."""
    return as_account(user)


@patch("/", responses=problems.responses("invalid", "unauthorized", "forbidden", "conflict"))
async def rename_me(data: JSONBody[NameRequest], user: Person, accounts: AccountsGiven, people: PeopleGiven) -> Account:
    """Take another name. One that somebody has gets a number: see `name` in the answer."""
    require(user.role, "rename", people)
    return as_account(await accounts.rename(user, data.name))


def router() -> Router:
    """The routes."""
    return Router("/v1/me", route_handlers=[get_me, rename_me], security=BEARER, tags=["People"])
