"""How evenly 1,000 connections fall on three processes, and what changing hands costs a request.

Spread: the fullest process beside an even third; every process has a listening socket of its own, and the kernel
chooses by a hash. The hop: a new connection and one request, with three workers beside one; the machine's load is
printed, since both share it. `make bench F=spread`
"""

import os
import re
import socket
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from rig import serving, show
from servers import ServerProcess

CONNECTIONS = 1_000
PAIRS = 9
REQUESTS = 100
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"


def accepted(server: ServerProcess) -> list[float]:
    """What each process took so far."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    return [float(count) for count in re.findall(r"^whatssound_connections_accepted{.*} (\S+)$", page, re.MULTILINE)]


def asked(server: ServerProcess) -> None:
    """One new connection, one request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(REQUEST)
        while client.recv(4_096):
            pass


def ms_each(server: ServerProcess) -> float:
    """The time of one request, over many one after another."""
    start_s = time.perf_counter()
    for _ in range(REQUESTS):
        asked(server)
    return (time.perf_counter() - start_s) * 1_000 / REQUESTS


def main() -> None:
    print(f"load average {os.getloadavg()[0]:.1f}")
    with serving("--workers", "3") as three, serving() as one:
        before = accepted(three)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(asked, [three] * CONNECTIONS))
        shares = [after - was for was, after in zip(before, accepted(three), strict=True)]
        print(f"{CONNECTIONS} connections on three processes: {' : '.join(f'{share:.0f}' for share in shares)}")
        show("the fullest process", [max(shares)], limit=CONNECTIONS / 3, unit="connections")
        pairs = [(ms_each(three), ms_each(one)) for _ in range(PAIRS)]
        show("one request, one worker", [alone for _, alone in pairs], limit=min(alone for _, alone in pairs))
        show("one request, three workers", [shared for shared, _ in pairs], limit=min(alone for _, alone in pairs))
        ratios = sorted(shared / alone for shared, alone in pairs)
        print(f"three beside one: x{ratios[PAIRS // 2]:.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
