"""Sound before everything else, as on a desktop or with a sound card that keeps its own time.

A machine that also builds and tests lets browsers miss the moment at which sound is due; then the recording shows the
machine, not the player. Where it is allowed (as root), what carries sound runs in real time.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

LOOK_EVERY_S = 0.2

URGENCY = 2
"""Low among real-time programs: a browser asks for more for its own part of the sound."""


def urgent(pid: int) -> None:
    """Let all threads of the process run in real time; does nothing where that is forbidden or it is gone."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            if os.sched_getscheduler(int(thread)) == os.SCHED_OTHER:
                os.sched_setscheduler(int(thread), os.SCHED_RR, os.sched_param(URGENCY))


class AudioServices:
    """Looks for the process of each browser that talks to one PulseAudio server, and makes it urgent."""

    def __init__(self, server: str) -> None:
        self._mark = f"PULSE_SERVER={server}".encode()
        self._strangers: set[str] = set()
        self._services: set[str] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Look until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_EVERY_S):
            alive = {name for name in os.listdir("/proc") if name.isdigit()}
            for pid in alive - self._strangers - self._services:
                self._judge(pid)
            self._strangers &= alive
            self._services &= alive
            for pid in self._services:
                urgent(int(pid))

    def _judge(self, pid: str) -> None:
        try:
            command = (Path("/proc") / pid / "cmdline").read_bytes()
            if b"AudioService" in command and any(self._mark in environment_of(one) for one in lineage(pid)):
                self._services.add(pid)
            elif b"zygote" not in command:
                self._strangers.add(pid)
        except OSError:
            return


def lineage(pid: str) -> Iterator[str]:
    """The process and those it descends from. A browser's children overwrite their environment with their title."""
    while pid not in ("0", "1"):
        yield pid
        pid = (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[1]


def environment_of(pid: str) -> list[bytes]:
    """What the process was started with, as far as it has left that alone."""
    return (Path("/proc") / pid / "environ").read_bytes().split(b"\0")
