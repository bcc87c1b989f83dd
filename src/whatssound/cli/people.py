"""`whatssound token`, `key`, `invite` and `password`: what the operator does about people."""

import asyncio
import sys
from getpass import getpass
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from whatssound.adapters.network import links_here
from whatssound.by_hand import TokenRole, invitation_by_hand, keys_by_hand, password_by_hand, token_by_hand
from whatssound.cli.settings import QuietSettings
from whatssound.config import Config


def token(
    *,
    role: Annotated[TokenRole, Parameter(help="What the token may do.")],
    name: Annotated[str | None, Parameter(help="Whose token; made when there is nobody of that name.")] = None,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Print an access token, good for one hour, and nothing else."""
    print(asyncio.run(token_by_hand(settings, role, name)))  # noqa: T201


def key(*, settings: QuietSettings = Config()) -> None:  # noqa: B008 - frozen
    """Print the publishable API key, and nothing else: it may stand in a page, who shows it only reads."""
    for each in keys_by_hand(settings):
        print(each)  # noqa: T201


def invite(
    *,
    uses: Annotated[int, Parameter(validator=Number(gte=1, lte=100), help="How many people may come by it.")] = 1,
    days: Annotated[int, Parameter(validator=Number(gte=1, lte=365), help="For how long it is open.")] = 7,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Print the link of a new invitation, and nothing else. Whoever makes an account by it is one of the invited."""
    path = asyncio.run(invitation_by_hand(settings, uses, days))
    print(links_here(settings).base + path)  # noqa: T201


def password(
    name: Annotated[str, Parameter(help="Whose password.")],
    *,
    settings: QuietSettings = Config(),  # noqa: B008 - frozen
) -> None:
    """Give somebody another password, typed here or in the first line of standard input.

    Their sign-ins end, those in a running server within seconds.
    """
    typed = getpass("New password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    asyncio.run(password_by_hand(settings, name, typed))
