"""Faults in a full room, over a million deliveries: nobody misses anything without being told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from faults.calamities import ONE_PROCESS, SEVERAL, several
from faults.crowd_checker import Verdict
from faults.disaster import disaster
from load.stage import stage

CLIENTS = 500

DELIVERIES = int(float(os.environ.get("WHATSSOUND_DELIVERIES", "1e6")))
"""How many events all listeners of several processes get, added up; of one process, with fewer faults, a quarter."""

Report = Callable[[Verdict], None]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Says in every run, not only in one that fails, how much was delivered and how often listeners started over."""

    def say(verdict: Verdict) -> None:
        with capsys.disabled():
            print(f"\n{verdict.summary()}")  # noqa: T201

    return say


def assert_kept(verdict: Verdict, deliveries: int) -> None:
    """Every promise, by as many deliveries as were asked for; and the faults have struck."""
    assert verdict.told == []
    assert verdict.deliveries >= deliveries
    # A machine that is busy with other work sheds chat, which is an answer; what was answered must be most of it.
    assert set(verdict.refused) <= {"overloaded"}
    assert verdict.acknowledged >= verdict.said // 2
    assert verdict.resumed >= CLIENTS // 2
    assert verdict.reset >= CLIENTS // 2


async def test_one_process_keeps_its_promises_through_every_fault(tmp_path: Path, report: Report) -> None:
    with stage(data=tmp_path / "data") as here:
        verdict = await disaster(here, ONE_PROCESS, clients=CLIENTS, deliveries=DELIVERIES // 4)
    report(verdict)
    assert_kept(verdict, DELIVERIES // 4)


async def test_several_processes_keep_their_promises_through_every_fault(tmp_path: Path, report: Report) -> None:
    with stage(*several(3), data=tmp_path / "data") as here:
        verdict = await disaster(here, SEVERAL, clients=CLIENTS, deliveries=DELIVERIES)
    report(verdict)
    assert_kept(verdict, DELIVERIES)
