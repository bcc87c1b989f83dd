"""What processes cost: CPU time and memory, as the kernel counts them, and how busy the machine is."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """User and system time of all threads of a process and of its children, in seconds, to the microsecond."""
    total_ns = 0
    for one in family(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            try:
                total_ns += int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue  # a thread that has just ended
    return total_ns / 1e9


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def private_bytes(pid: int) -> int:
    """What a process and its children hold in memory of their own (RssAnon); kernel buffers are not in it."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) * 1024
    return total


def say_load() -> None:
    """Figures taken beside other work are not worth much."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"the machine: {os.cpu_count()} cores, load {load}", flush=True)
