"""Which computer a request comes from, also behind a proxy, and which addresses count as one home. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies whose word counts: what they say in `X-Forwarded-For` is believed, what others say is not."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Proxies":
        """From addresses or networks, `127.0.0.1` or `10.0.0.0/8`. Raises ValueError that names the bad one."""
        networks: list[Network] = []
        for text in texts:
            try:
                networks.append(ipaddress.ip_network(text.strip(), strict=False))
            except ValueError as problem:
                raise ValueError(f"{text!r} is neither an address nor a network like 10.0.0.0/8") from problem
        return cls(tuple(networks))

    def client(self, peer: str, forwarded_for: Sequence[str] = ()) -> str:
        """The client's address. `peer` is who connected; `forwarded_for` the values of every `X-Forwarded-For`.

        Read from the right: the last address that is not a trusted proxy. Anything to the left of it may be a lie.
        """
        chain = [part.strip() for value in forwarded_for for part in value.split(",") if part.strip()]
        address = peer
        while chain and self.trusts(address):
            said = _without_port(chain.pop())
            if _parsed(said) is None:
                return address
            address = said
        return address

    def home(self, peer: str, forwarded_for: Sequence[str] = ()) -> str:
        """The client's home, as limits and bans count it; "" when nobody can tell one client from another.

        That is so behind a proxy nearby that is not trusted: all its clients would share the proxy's address, and a
        ban of one would shut out all.
        """
        near = _parsed(peer)
        if near is None or (forwarded_for and near.is_private and not self.trusts(peer)):
            return ""
        return home_of(self.client(peer, forwarded_for))

    def trusts(self, address: str) -> bool:
        """Whether the word of `address` counts."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self.networks)


def home_of(address: str) -> str:
    """What limits and bans count as one place: an IPv4 address, or the 64-bit network of an IPv6 one.

    Every home has 2^64 IPv6 addresses to choose from.
    """
    parsed = _parsed(address)
    if parsed is None:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.IPv6Network((parsed.packed, 64), strict=False).network_address)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return parsed if mapped is None else mapped


def _without_port(text: str) -> str:
    """`192.0.2.1:1234` and `[2001:db8::1]:1234` as some proxies write them."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
