"""Faults in a full room, over a million deliveries: nobody misses anything without being told."""

import os
from pathlib import Path

import pytest

from faults.calamities import ONE_PROCESS, SEVERAL
from faults.crowd_checker import Verdict
from faults.disaster import disaster
from load.stage import stage

CLIENTS = 500

DELIVERIES = int(float(os.environ.get("WHATSSOUND_DELIVERIES", "1e6")))
"""How many events all listeners of both tests get, added up."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def assert_kept(verdict: Verdict) -> None:
    """Every promise, by as many deliveries as were asked for; and the faults have struck."""
    assert verdict.told == []
    assert verdict.deliveries >= DELIVERIES // 2
    # A machine that is busy with other work sheds chat, which is an answer; what was answered must be most of it.
    assert set(verdict.refused) <= {"overloaded"}
    assert verdict.acknowledged >= verdict.said // 2
    assert verdict.resumed >= CLIENTS // 2
    assert verdict.reset >= CLIENTS // 2


async def test_one_process_keeps_its_promises_through_every_fault(tmp_path: Path) -> None:
    with stage(data=tmp_path / "data") as here:
        assert_kept(await disaster(here, ONE_PROCESS, clients=CLIENTS, deliveries=DELIVERIES // 2))


async def test_several_processes_keep_their_promises_through_every_fault(tmp_path: Path) -> None:
    with stage("--workers", "3", data=tmp_path / "data") as here:
        assert_kept(await disaster(here, SEVERAL, clients=CLIENTS, deliveries=DELIVERIES // 2))
