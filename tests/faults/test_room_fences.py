"""Owners that die half way, are late, or stand still: the row decides, and listeners end up with what it says."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients import Refused
from room_builders import ManualClock
from room_house import FlakyLog, House, LateLog, house
from servers import ServerProcess
from several import PROCESSES, WORKERS, descendants, one_on_each
from whatssound.ids import RoomId
from whatssound.rooms.room import Room
from whatssound.wire import commands
from whatssound.wire.errors import Refusal

TESTS = Path(__file__).parents[1]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def killed_half_way(folder: Path) -> "subprocess.CompletedProcess[str]":
    """What became of a server that was killed between save and append."""
    return subprocess.run(
        [sys.executable, str(TESTS / "faults" / "half_way.py"), str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def followed(told: list[tuple[str, str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The parts of a listener who ignores what is not newer than what it has."""
    parts: dict[str, dict[str, Any]] = {}
    for name, _, payload in told:
        if payload["rev"] > parts.get(name, {"rev": 0})["rev"]:
            parts[name] = payload
    return parts


async def shown(at: House, room: Room) -> dict[str, Any]:
    """Where the room stands, as who joins now sees it."""
    playback = at.service.snapshot(await at.service.find(str(room.id))).playback
    return {"rev": playback.rev, "playing": playback.playing, "entry_id": playback.entry_id}


async def test_what_was_saved_by_an_owner_that_was_killed_before_it_told_is_told_by_the_next(
    tmp_path: Path, clock: ManualClock
) -> None:
    killed = await asyncio.to_thread(killed_half_way, tmp_path)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    id = RoomId(int(killed.stdout.split()[-1]))
    async with house(tmp_path, clock, start=2) as at:
        await at.log.subscribe(id, at.hear)
        room = await at.service.find(str(id))
        assert room.playback.playing, "the save was done"
        assert at.told == []
        clock.advance(1_000)
        await at.service.sweep()
        await at.service.settle()
        parts = followed(at.told)
        assert set(parts) == {"room", "playback", "queue"}
        assert {name: parts["playback"][name] for name in ("rev", "playing", "entry_id")} == await shown(at, room)
        assert len(parts["queue"]["entries"]) == 1


@pytest.mark.parametrize("kept", [10_000, 1])
async def test_an_append_that_was_overtaken_by_a_newer_owner_s_changes_nothing(
    tmp_path: Path, clock: ManualClock, kept: int
) -> None:
    """The new owner has told what the old one saved, so the log knows the late append's key; or has forgotten it."""
    log = FlakyLog("epoch", max_events=kept)
    late = LateLog(log)
    async with house(tmp_path, clock, log=late) as old, house(tmp_path, clock, start=2, log=log) as new:
        room = await old.opened()
        await log.subscribe(room.id, new.hear)
        await old.queued(room, 1, 2)
        await old.do(room, commands.PlaybackPlay())
        late.hold()
        late.waiting.clear()
        pausing = asyncio.create_task(old.do(room, commands.PlaybackPause()))
        await late.waiting.wait()
        await new.do(room, commands.PlaybackSkip())
        late.let_go()
        await pausing
        revs = [payload["rev"] for name, _, payload in new.told if name == "playback"]
        assert (revs[-1] < max(revs)) == (kept == 1), "the late one comes last when the log has forgotten its key"
        playback = followed(new.told)["playback"]
        assert {name: playback[name] for name in ("rev", "playing", "entry_id")} == await shown(new, room)
        with pytest.raises(Refusal, match="unavailable"):
            await old.do(room, commands.PlaybackSeek(position_ms=5_000))
        await new.do(room, commands.PlaybackSeek(position_ms=5_000))
        assert followed(new.told)["playback"]["position_ms"] == 5_000


@pytest.mark.slow
async def test_while_the_owner_stands_still_commands_are_unavailable_and_afterwards_everything_goes_on(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data", *WORKERS, "--hang-s", "600") as server:  # not to be killed for it
        owner = server.token("owner")
        room = server.call("POST", "/v1/rooms", {"title": "Fault room"}, token=owner)["room"]["id"]
        topic = f"room:{room}"
        tokens = {process: server.guest(process)["access_token"] for process in PROCESSES}
        async with one_on_each(server, tokens) as clients:
            for client in clients.values():
                await client.join(topic)
            one, two = clients["gateway-1"], clients["gateway-2"]
            pid = descendants(server.pid)["owner"]
            os.kill(pid, signal.SIGSTOP)
            try:
                asked = [one.push(topic, "chat:send", text="anybody?", nonce="n"), two.push(topic, "playback:get")]
                refused = await asyncio.gather(*asked, return_exceptions=True)
                assert [(no.code, no.response["retry_after_ms"]) for no in refused if isinstance(no, Refused)] == [
                    ("unavailable", 1_000)
                ] * 2
                assert (await one.push(topic, "clock", t1=1.0))["t1"] == 1.0
            finally:
                os.kill(pid, signal.SIGCONT)
            said = await _insisted(one, topic, text="anybody?", nonce="n")
            for client in clients.values():
                assert (await client.event("chat"))["id"] == said["id"]
            await _insisted(two, topic, text="everybody!", nonce="m")
            for client in clients.values():
                heard = [payload["text"] for _, name, payload in client.events if name == "chat"]
                await client.event("chat", where=lambda payload: payload["text"] == "everybody!")
                assert heard.count("anybody?") == 1


async def _insisted(client: Any, topic: str, **payload: str) -> dict[str, Any]:
    """Say it until it is acknowledged, as clients do."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await client.push(topic, "chat:send", **payload)
            except Refused as refused:
                if refused.code != "unavailable":
                    raise
