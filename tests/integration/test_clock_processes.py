"""Real processes over a real nats-server, with clocks that are wrong, tell one time."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from nats_rig import one_server

AGREE_MS = 5.0
SCRIPT = Path(__file__).parents[1] / "clock_child.py"


class Child:
    """One process of the cluster."""

    def __init__(self, url: str, node: str, ahead_ms: float, role: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), url, node, str(ahead_ms), role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self._line() == "ready"

    def told(self, said: str = "") -> tuple[float, bool, float]:
        """By how much its time is ahead of the machine's monotonic clock, whether it leads, and its own bound, ms."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{said}\n")
        self.process.stdin.flush()
        monotonic_ms, now_ms, err_ms, leads = json.loads(self._line())
        return now_ms - monotonic_ms, bool(leads), err_ms

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def _line(self) -> str:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            if not line.startswith("20"):  # a line of the log
                return line.strip()
        raise AssertionError("the process ended")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with one_server(tmp_path) as server:
        yield server.url


@pytest.fixture
def children() -> Iterator[list[Child]]:
    alive: list[Child] = []
    yield alive
    for child in alive:
        child.kill()


def apart_ms(ahead_ms: list[float]) -> float:
    return max(abs(one - two) for one, two in combinations(ahead_ms, 2))


def agree_for(seconds: float, children: list[Child]) -> dict[Child, float]:
    """Ask them all the while; by how much each is ahead at the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = [child.told() for child in children]
        assert apart_ms([ahead_ms for ahead_ms, _, _ in told]) < AGREE_MS, told
    return {child: child.told()[0] for child in children}


def test_three_that_share_the_rooms_agree_also_after_the_reference_was_killed(url: str, children: list[Child]) -> None:
    for node, ahead_ms in (("one", 300.0), ("two", -300.0), ("three", 0.0)):
        children.append(Child(url, node, ahead_ms, "owns"))
    children[2].told("step")
    before = agree_for(2, children)
    [reference] = [child for child in children if child.told()[1]]
    children.remove(reference)
    reference.kill()
    after = agree_for(8, children)
    assert all(abs(after[child] - before[child]) < AGREE_MS for child in children), "nobody's time steps"
    assert sum(child.told()[1] for child in children) == 1


def test_an_owner_that_starts_anew_with_another_clock_moves_nobody_s_time(url: str, children: list[Child]) -> None:
    owner = Child(url, "owner", 300.0, "owns")
    children += [owner, Child(url, "w1", -300.0, "follows"), Child(url, "w2", 0.0, "follows")]
    before = agree_for(1, children)
    children.remove(owner)
    owner.kill()
    agree_for(1, children)
    children.append(Child(url, "owner", -5_000.0, "owns"))
    after = agree_for(2, children)
    assert all(abs(after[child] - before[child]) < AGREE_MS for child in children[:2])
    assert children[-1].told()[1]
    assert all(child.told()[2] < AGREE_MS for child in children)
