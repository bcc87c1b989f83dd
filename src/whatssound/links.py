"""Under which address people reach this server, and how far that address carries. Pure."""

import ipaddress
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

Reach = Literal["this_computer", "network", "public"]
"""Who can open a link: only the computer that runs the server, its own network, or everybody."""

_EVERY_ADDRESS: Final = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Links:
    """Where every link to this server begins: `https://example.org/music`, without a slash at its end."""

    base: str
    reach: Reach


def links_of(public_url: str | None, *, host: str, port: int, lan_address: str | None) -> Links:
    """The links of a server that listens on `host:port`.

    `public_url` wins; `lan_address`, this computer's address in its network, counts when it listens on all of them.
    """
    if public_url is not None:
        base = public_url.rstrip("/")
    else:
        if host in _EVERY_ADDRESS:
            host = lan_address or "127.0.0.1"
        base = f"http://{in_url(host)}:{port}"
    return Links(base, _reach(urlsplit(base).hostname or ""))


def in_url(host: str) -> str:
    """The host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _reach(host: str) -> Reach:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return "this_computer"
        return "network" if host.endswith(".local") or "." not in host else "public"
    if address.is_loopback:
        return "this_computer"
    return "public" if address.is_global else "network"
