"""A full room that talks while one calamity follows another, until enough was delivered."""

import asyncio
import itertools
import random
from collections.abc import Sequence

from faults.calamities import BEAT_S, SLOW, SLOW_BYTES_PER_S, Fault, Scene, possible
from faults.crowd_checker import Verdict, verdict_on
from load.crowd import Crowd
from load.speakers import speaking
from load.stage import Stage

SPEAKERS = 8
PER_S = 100.0
A_ROUND = 300
"""Messages of a round; the fault strikes in its middle."""

LONG = 1_500
"""Characters of a message in every other round, so that slow readers fall behind."""

BACK_S = 120.0


async def disaster(
    here: Stage, faults: Sequence[Fault], *, clients: int, deliveries: int, seed: int = 20260103
) -> Verdict:
    """Round after round, each with another fault that is possible here; what the checker says at the end."""
    faults = possible(faults)
    chance = random.Random(seed)
    with crowd_of(here, clients) as crowd:
        await asyncio.to_thread(crowd.wait_live)
        async with speaking(here.server.url, here.tokens[:SPEAKERS], here.place.room_id) as speakers:
            scene = Scene(here, crowd, speakers, chance)
            for number, fault in enumerate(itertools.cycle(faults)):
                if number >= len(faults) and crowd.heard >= deliveries:
                    break
                await _round(scene, fault, size=LONG if number % 2 else 60)
            await _settled(scene)
            proofs = [room.statistics() for room in speakers.rooms]
        logs = await asyncio.to_thread(crowd.stop)
    verdict = verdict_on(logs, speakers.said, await asyncio.to_thread(here.history))
    for proof in proofs:
        if proof.gaps or proof.repeated:
            verdict.broken("not linked", f"a speaker saw {proof}")
    for one in speakers.said:
        if not one.acknowledged and not one.refused:
            verdict.broken("unanswered", f"{one.nonce} was neither acknowledged nor refused")
    return verdict


def crowd_of(here: Stage, clients: int) -> Crowd:
    """So many listeners from two addresses, some of them slow."""
    return Crowd(
        here.place,
        here.tokens,
        clients,
        processes=2,
        slow=SLOW,
        slow_bytes_per_s=SLOW_BYTES_PER_S,
        beat_s=BEAT_S,
    )


async def _round(scene: Scene, fault: Fault, *, size: int) -> None:
    speakers = scene.speakers
    scene.silence.clear()
    await speakers.begin_all(per_s=PER_S, count=A_ROUND // 2, size=size)
    striking = asyncio.create_task(fault(scene))
    await speakers.begin_all(per_s=PER_S, count=A_ROUND // 2, size=size)
    await speakers.answered()
    scene.silence.set()
    await striking
    await asyncio.to_thread(scene.crowd.wait_live, scene.crowd.clients - SLOW, timeout_s=BACK_S)


async def _settled(scene: Scene) -> None:
    """One last message, and everybody has it."""
    await scene.speakers.speak(per_s=1, count=1)
    await asyncio.to_thread(scene.crowd.wait_heard, scene.speakers.last_seq, timeout_s=BACK_S)
