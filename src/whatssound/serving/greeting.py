"""What the server says once it answers: where it is found, and how its owner comes in."""

import shutil
import sys

from whatssound.accounts.service import Accounts
from whatssound.adapters.network import links_here
from whatssound.config import Config
from whatssound.links import in_url
from whatssound.serving.terminal_code import code_lines


async def greeting(config: Config, accounts: Accounts) -> str:
    """Where people find it. The last line is for scripts: it is said once requests are answered."""
    found = addresses(config)
    owner_code = await accounts.new_owner_code()
    lines = [
        *(_code(config) if sys.stdout.isatty() else ()),
        *(f"Open it: {address}" for address in found),
        f"You are the DJ (works once): {found[-1]}/#owner={owner_code}",
        f"WhatsSound is ready: {found[0]}",
    ]
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    """Print it now, whole."""
    sys.stdout.write(text)
    sys.stdout.flush()


def addresses(config: Config) -> list[str]:
    """The addresses under which people reach this server, the nearest first; links begin with the last one."""
    everywhere = config.listen in ("0.0.0.0", "::")
    here = f"http://{in_url('127.0.0.1' if everywhere else config.listen)}:{config.port}"
    return list(dict.fromkeys((here, links_here(config).base)))


def _code(config: Config) -> list[str]:
    """The code that a phone scans, unless nobody else could open it or it would not fit."""
    links = links_here(config)
    lines = [] if links.reach == "this_computer" else code_lines(links.base)
    return lines if len(lines) * 2 <= shutil.get_terminal_size().columns else []
