"""The load generator against a real server: its crowd hears everything, comes back, and its log can be checked."""

import asyncio
from pathlib import Path

from faults.crowd_checker import verdict_on
from load.crowd import Crowd
from load.figures import deliveries, to_last_ms
from load.speakers import speaking
from load.stage import stage

LISTENERS, MESSAGES, CUT = 60, 40, 20


async def test_a_crowd_hears_all_and_resumes_after_its_connections_were_cut(tmp_path: Path) -> None:
    with (
        stage(data=tmp_path / "data", people=4) as here,
        Crowd(here.place, here.tokens, LISTENERS, processes=2) as crowd,
    ):
        await asyncio.to_thread(crowd.wait_live)
        async with speaking(here.server.url, here.tokens, here.place.room_id) as speakers:
            await speakers.speak(per_s=200, count=MESSAGES // 2)
            crowd.cut(CUT)
            await speakers.speak(per_s=200, count=MESSAGES // 2)
            assert await asyncio.to_thread(crowd.wait_until, lambda: crowd.joins == LISTENERS + CUT, timeout_s=60)
            assert await asyncio.to_thread(crowd.wait_until, lambda: crowd.live == LISTENERS, timeout_s=60)
        logs, history = await asyncio.to_thread(crowd.stop), here.history()
    verdict = verdict_on(logs, speakers.said, history)
    assert verdict.told == []
    assert (verdict.joins, verdict.resumed, verdict.reset) == (LISTENERS + CUT, CUT, 0)
    assert verdict.deliveries == deliveries(logs) == LISTENERS * MESSAGES
    assert verdict.acknowledged == len(to_last_ms(speakers.said, logs)) == MESSAGES
