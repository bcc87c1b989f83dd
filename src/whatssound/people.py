"""The people of a data folder, whether or not its server runs."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from whatssound.accounts.departures import Departures
from whatssound.accounts.elsewhere import Elsewhere
from whatssound.accounts.invitations import Invitations
from whatssound.accounts.known import REMEMBERED_CHANGES, PeopleNews
from whatssound.accounts.members import Members
from whatssound.accounts.service import Accounts
from whatssound.accounts.tokens import ACCESS_LIFE_S, AccessTokens
from whatssound.adapters.argon2_passwords import Argon2Passwords
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.sql.accounts import SqlAccounts
from whatssound.adapters.sql.members import SqlMembers
from whatssound.bus.timeline import Timeline
from whatssound.config import Config
from whatssound.credentials import access_tokens
from whatssound.foundation import Foundation, foundation


@dataclass(frozen=True, slots=True)
class People:
    """Those who are here: by name only, with a password, by invitation, and on their way out."""

    accounts: Accounts
    members: Members
    invitations: Invitations
    departures: Departures
    elsewhere: Elsewhere
    tokens: AccessTokens


def _accounts(base: Foundation, tokens: AccessTokens) -> Accounts:
    return Accounts(
        SqlAccounts(base.database),
        tokens,
        new_id=base.ids.next,
        now_ms=base.timeline.now_ms,
        people=base.config.people,
    )


async def people(base: Foundation, stack: AsyncExitStack) -> People:
    """Everything about people, over `base`; closed by `stack`."""
    store, now_ms = SqlMembers(base.database), base.timeline.now_ms
    tokens = access_tokens(base.config, base.secret, now_ms=now_ms)
    accounts = _accounts(base, tokens)
    await _remember(accounts, store, SqlAccounts(base.database), since_ms=int(now_ms()) - ACCESS_LIFE_S * 1_000)
    base.show("sightings", accounts.sightings.statistics)
    passwords = Argon2Passwords()
    stack.push_async_callback(passwords.close)
    base.show("passwords", passwords.statistics)
    rights = base.config.people
    return People(
        accounts,
        Members(accounts, store, passwords, people=rights, new_id=base.ids.next, now_ms=now_ms),
        Invitations(accounts, store, new_id=base.ids.next, now_ms=now_ms),
        Departures(accounts, store, now_ms=now_ms),
        Elsewhere(accounts, store, now_ms=now_ms),
        tokens,
    )


async def _remember(accounts: Accounts, members: SqlMembers, store: SqlAccounts, *, since_ms: int) -> None:
    """What happened to people while tokens were given out that may still be in use: those are then believed."""
    recalled, changed = await members.recalled_since(since_ms), await store.changed_since(since_ms)
    if len(changed) < REMEMBERED_CHANGES:
        accounts.known.catch_up(PeopleNews(recalled, list(changed), since_ms))
    else:
        accounts.recalled(recalled)


@asynccontextmanager
async def people_of(config: Config) -> AsyncGenerator[People]:
    """The people of a data folder, whether or not its server runs. Raises DataFolderError."""
    folder = DataFolder(config.data)
    folder.make()
    async with AsyncExitStack() as stack:
        yield await people(await foundation(config, folder, Timeline(), CollectorRegistry(), stack), stack)
