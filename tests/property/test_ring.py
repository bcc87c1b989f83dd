"""The ring: fair, steady, and the same for everybody."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatssound.bus.ring import Ring
from whatssound.ids import Snowflakes

names = st.sets(st.text(min_size=1, max_size=20), min_size=1, max_size=8)
ids = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=50)


@given(names, ids)
def test_every_key_has_an_owner_among_the_nodes_in_whatever_order_they_are_named(
    nodes: set[str], keys: list[int]
) -> None:
    ring, same = Ring(nodes), Ring(sorted(nodes, reverse=True))
    assert all(ring.owner(key) in nodes and ring.owner(key) == same.owner(key) for key in keys)


@given(names, st.text(min_size=1, max_size=20), ids)
def test_when_a_node_comes_or_goes_only_its_keys_move(nodes: set[str], another: str, keys: list[int]) -> None:
    nodes = nodes - {another} or {another + "!"}
    before, after = Ring(nodes), Ring(nodes | {another})
    for key in keys:
        assert after.owner(key) in (before.owner(key), another)


@pytest.mark.parametrize("nodes", [2, 3, 10, 32])
def test_rooms_are_spread_evenly(nodes: int) -> None:
    clock = iter(range(1_800_000_000_000, 1_900_000_000_000, 7_919))
    rooms = Snowflakes(lambda: next(clock), node=3)
    ring = Ring(f"node-{n}" for n in range(nodes))
    shares = Counter(ring.owner(rooms.next()) for _ in range(50_000))
    assert len(shares) == nodes
    assert max(shares.values()) < 1.3 * 50_000 / nodes
    assert min(shares.values()) > 0.7 * 50_000 / nodes


def test_a_newcomer_takes_its_share_and_no_more() -> None:
    before, after = Ring(f"node-{n}" for n in range(9)), Ring(f"node-{n}" for n in range(10))
    keys = range(0, 10**12, 10**8 + 7)
    moved = sum(before.owner(key) != after.owner(key) for key in keys)
    assert 0.07 < moved / len(keys) < 0.13


def test_rooms_made_in_the_same_millisecond_and_names_are_spread_too() -> None:
    ring = Ring(["a", "b", "c", "d"])
    ids = Snowflakes(lambda: 1_800_000_000_000.0)
    assert min(Counter(ring.owner(ids.next()) for _ in range(1_000)).values()) > 150
    assert min(Counter(ring.owner_of_name(f"name {n}") for n in range(1_000)).values()) > 150


def test_two_processes_agree() -> None:
    code = (
        "import json; from whatssound.bus.ring import Ring; r = Ring(f'node-{n}' for n in range(7));"
        "print(json.dumps([[r.owner(n * 10**9 + 1) for n in range(200)], r.owner_of_name('clock'), hash('clock')]))"
    )
    said = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
                check=True,
                capture_output=True,
                timeout=30,
            ).stdout
        )
        for seed in ("1", "2")
    ]
    assert said[0][:2] == said[1][:2]
    assert said[0][2] != said[1][2], "the two did not differ in what Python hashes"


def test_the_answers_are_those_of_every_version() -> None:
    ring = Ring(["a", "b", "c"])
    assert [ring.owner(key) for key in (1, 2, 3, 10**18)] + [ring.owner_of_name("clock")] == EXPECTED


def test_nobody_owns_anything_without_a_node() -> None:
    with pytest.raises(ValueError, match="needs a node"):
        Ring([])


EXPECTED = ["b", "a", "b", "b", "a"]
"""Written down once: two versions of the server on one ring must agree."""
