"""Links that are cut: packets vanish on their way over loopback, without a word to either side, until it is healed.

By nftables, in a table of our own. A child process holds it and takes it away when its standard input ends: also when
the test, or whoever runs it, is killed.
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ADVICE: Final = "links are cut by nftables, as root: install it (.ci/tools does)"


@dataclass(frozen=True)
class Link:
    """The packets that vanish while it is cut: nft's words for them."""

    matches: tuple[str, ...]


def can_cut() -> bool:
    """Whether this machine lets us."""
    if os.geteuid() != 0 or shutil.which("nft") is None:
        return False
    return subprocess.run(["nft", "list", "tables"], check=False, capture_output=True).returncode == 0


def between_address_and_port(address: str, port: int) -> Link:
    """What clients that connect from `address` and the server at `port` say to each other."""
    return Link((f"ip saddr {address} tcp dport {port}", f"ip daddr {address} tcp sport {port}"))


def between_process_and_port(port: int, spared: set[int]) -> Link:
    """What the server at `port` and everybody say to each other, new connections too, but those from `spared` ports."""
    ports = ", ".join(map(str, sorted(spared)))
    return Link((f"tcp dport {port} tcp sport != {{ {ports} }}", f"tcp sport {port} tcp dport != {{ {ports} }}"))


def local_ports(pid: int, remote_port: int) -> set[int]:
    """From which ports of its own a process has connections to `remote_port`."""
    inodes = set[str]()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.update(re.findall(r"^socket:\[(\d+)\]", str(descriptor.readlink())))
    found = set[int]()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        (
            _,
            local,
            remote,
            *_,
        ) = fields = line.split()
        if fields[9] in inodes and int(remote.rpartition(":")[2], 16) == remote_port:
            found.add(int(local.rpartition(":")[2], 16))
    return found


@contextlib.contextmanager
def cut(*links: Link) -> Iterator[None]:
    """The links are cut within. Raises RuntimeError when that cannot be done, or when nothing went over one of them."""
    table = f"whatssound_cut_{os.getpid()}"
    rules = "".join(f"{match} counter drop\n" for link in links for match in link.matches)
    chain = f"table inet {table} {{\nchain input {{\ntype filter hook input priority 0\n{rules}}}\n}}\n"
    script = 'nft "$1" && echo cut && cat; nft list table inet "$2"; nft delete table inet "$2"'
    with subprocess.Popen(
        ["sh", "-c", script, "sh", chain, table],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            if holder.stdout.readline() != "cut\n":
                raise RuntimeError("the link cannot be cut: nft does not do it")
            yield
        finally:
            holder.stdin.close()
            told = holder.stdout.read()
    vanished = [int(count) for count in re.findall(r"counter packets (\d+)", told)]
    if not vanished or min(vanished) == 0:
        raise RuntimeError(f"nothing went over a link that was cut: {told}")
