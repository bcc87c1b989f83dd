"""Faults in a full room, over a million deliveries: nobody misses anything without being told."""

from pathlib import Path

import pytest

from faults.calamities import ONE_PROCESS, SEVERAL
from faults.disaster import DELIVERIES, disaster
from load.stage import stage

CLIENTS = 500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


async def test_one_process_keeps_its_promises_through_every_fault(tmp_path: Path) -> None:
    with stage(data=tmp_path / "data") as here:
        verdict = await disaster(here, ONE_PROCESS, clients=CLIENTS)
    assert verdict.told == []
    assert verdict.deliveries >= DELIVERIES
    assert verdict.resumed > CLIENTS // 4
    assert verdict.reset > CLIENTS // 2


async def test_several_processes_keep_their_promises_through_every_fault(tmp_path: Path) -> None:
    with stage("--workers", "3", data=tmp_path / "data") as here:
        verdict = await disaster(here, SEVERAL, clients=CLIENTS)
    assert verdict.told == []
    assert verdict.deliveries >= DELIVERIES
    assert verdict.resumed > CLIENTS // 2
