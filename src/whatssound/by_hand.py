"""What the operator does on the command line, whether or not the server runs."""

from typing import Literal

from whatssound.accounts.service import Accounts
from whatssound.accounts.user import User
from whatssound.adapters.data_folder import DataFolder
from whatssound.adapters.nats import LogSettings, NatsConnection, NatsUnreachable, begin_epoch
from whatssound.adapters.secret_file import open_secret
from whatssound.bus.log import LogUnavailable
from whatssound.config import Config, StartError
from whatssound.credentials import publishable_keys
from whatssound.people import people_of

TokenRole = Literal["anon", "guest", "user", "invited", "owner", "service"]


async def token_by_hand(config: Config, role: TokenRole, name: str | None) -> str:
    """An access token. Raises DataFolderError; StartError when the role needs a name; Refusal for an unusable name."""
    async with people_of(config) as people:
        return people.accounts.token_for(await _bearer(people.accounts, role, name), role)


def keys_by_hand(config: Config) -> tuple[str, ...]:
    """The API keys that may stand in a page. Raises DataFolderError."""
    folder = DataFolder(config.data)
    folder.make()
    return publishable_keys(config, open_secret(folder.secret, jwt_secret=config.jwt_secret))


async def invitation_by_hand(config: Config, uses: int, days: int) -> str:
    """The path of a new invitation's link, in the owner's name. Raises DataFolderError, Refusal."""
    async with people_of(config) as people:
        _, code = await people.invitations.make(await people.accounts.owner(), uses=uses, days=days)
    return f"/#invite={code}"


async def password_by_hand(config: Config, name: str, password: str) -> None:
    """Give somebody another password; every sign-in of theirs ends, in a running server within seconds.

    Raises DataFolderError, Refusal.
    """
    async with people_of(config) as people:
        await people.members.set_password(await people.members.person_called(name), password)


async def _bearer(accounts: Accounts, role: TokenRole, name: str | None) -> User | None:
    match role:
        case "anon":
            return None
        case "owner" | "service":
            return await accounts.owner()
        case "guest" | "user" | "invited":
            if name is None:
                raise StartError(f"A token for the role {role} needs a name: give one with --name.")
            return await accounts.account(name, role)


async def new_epoch_by_hand(config: Config) -> str:
    """Begin a new life of the room log on the operator's NATS and return its name; every listener starts over.

    Raises StartError.
    """
    if not config.nats:
        raise StartError("There is no room log to begin anew: a private nats-server begins one at each start.")
    try:
        async with await NatsConnection.open(config.nats, name="whatssound log") as connection:
            return await begin_epoch(connection, LogSettings())
    except (NatsUnreachable, LogUnavailable) as problem:
        raise StartError(f"The room log cannot be reached: {problem}.") from problem
