"""Presence through Supabase's and Phoenix's public clients, unchanged: each alone, and all of them in one room."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import several
from public_clients import KINDS, Channel, Client, PublicClients
from servers import ServerProcess

pytestmark = pytest.mark.slow

each_kind = pytest.mark.parametrize("kind", KINDS)

OURS = {"presence_ref", "phx_ref", "phx_ref_prev"}


def bare(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Metas by key as the application gave them; `phoenix` keeps them under `metas`."""
    found = {key: entry["metas"] if isinstance(entry, dict) else entry for key, entry in state.items()}
    return {
        key: [{name: value for name, value in meta.items() if name not in OURS} for meta in metas]
        for key, metas in found.items()
    }


def are(expected: dict[str, list[dict[str, Any]]]) -> Callable[[dict[str, Any]], bool]:
    """Whether a state says so, in any order."""

    def sorted_out(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
        return {key: sorted(map(repr, metas)) for key, metas in found.items()}

    return lambda state: sorted_out(bare(state)) == sorted_out(expected)


def anything(state: dict[str, Any]) -> bool:
    return True


async def present(client: Client, topic: str, key: str) -> Channel:
    """On the topic under `key`, once its first sync has come."""
    channel = await client.join(topic, presence=True, key=key)
    await channel.members(anything)
    return channel


@each_kind
async def test_the_first_sync_comes_when_nobody_is_there(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    channel = await (await clients.make(kind, server.url, key)).join(topic, presence=True)
    assert await channel.members(anything) == {}


@each_kind
async def test_who_comes_changes_and_goes_is_seen_by_all(
    server: ServerProcess, clients: PublicClients, key: str, topic: str, kind: str
) -> None:
    ana = await present(await clients.make(kind, server.url, key), topic, "ana")
    bob = await present(await clients.make(kind, server.url, key), topic, "bob")
    assert await ana.track({"mood": "dancing"}) in ("ok", "sent")
    assert await bob.track({"n": [1, None], "emoji": "🎧"}) in ("ok", "sent")
    both = {"ana": [{"mood": "dancing"}], "bob": [{"n": [1, None], "emoji": "🎧"}]}
    for channel in (ana, bob):
        await channel.members(are(both))
        joined = await channel.take("join", lambda event: event["key"] == "ana")
        assert bare({"ana": _metas(joined)}) == {"ana": [{"mood": "dancing"}]}
    await ana.track({"mood": "resting"})
    for channel in (ana, bob):
        await channel.members(are({**both, "ana": [{"mood": "resting"}]}))
    newcomer = await (await clients.make(kind, server.url, key)).join(topic, presence=True)
    await newcomer.members(are({**both, "ana": [{"mood": "resting"}]}))
    assert await ana.untrack() in ("ok", "sent")
    await bob.take(
        "leave", lambda event: event["key"] == "ana" and bare({"": _metas(event)})[""] == [{"mood": "resting"}]
    )
    for channel in (ana, bob, newcomer):
        await channel.members(are({"bob": both["bob"]}))
    await bob.unsubscribe()
    for channel in (ana, newcomer):
        await channel.members(are({}))


async def test_all_kinds_in_one_room_see_each_other(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    made = [(kind, await clients.make(kind, server.url, key)) for kind in KINDS]
    room = {kind: await present(client, topic, kind) for kind, client in made}
    for kind, channel in room.items():
        await channel.track({"is": kind})
    everybody = {kind: [{"is": kind}] for kind in KINDS}
    for channel in room.values():
        await channel.members(are(everybody))
    for kind, client in made[:3]:
        await client.close()
        del everybody[kind], room[kind]
    for channel in room.values():
        await channel.members(are(everybody))


async def test_several_connections_under_one_key_are_several_metas(
    server: ServerProcess, clients: PublicClients, key: str, topic: str
) -> None:
    room = [await present(await clients.make(kind, server.url, key), topic, "ana") for kind in KINDS]
    for number, channel in enumerate(room):
        await channel.track({"number": number})
    for channel in room:
        await channel.members(are({"ana": [{"number": number} for number in range(len(KINDS))]}))


async def test_exactly_the_people_of_a_killed_worker_leave(tmp_path: Path, clients: PublicClients, topic: str) -> None:
    with ServerProcess(tmp_path / "data", *several.WORKERS) as server:
        key = server.token("anon")
        room = [await present(await clients.make(kind, server.url, key), topic, kind) for kind in KINDS]
        async with several.one_on_each(server, dict.fromkeys(several.PROCESSES, key)) as people:
            for process, person in people.items():
                await person.join(f"realtime:{topic}", config={"presence": {"key": process}})
                await person.push(f"realtime:{topic}", "presence", event="track", payload={"on": process})
            everybody = {process: [{"on": process}] for process in people}
            for channel in room:
                await channel.members(are(everybody))
            gateways = [pid for name, pid in several.descendants(server.pid).items() if name.startswith("gateway")]
            os.kill(gateways[0], signal.SIGKILL)
            lost = [asyncio.create_task(person.lost(), name=process) for process, person in people.items()]
            done, _ = await asyncio.wait(lost, return_when=asyncio.FIRST_COMPLETED)
            [gone] = [task.get_name() for task in done]
            for task in lost:
                task.cancel()
            del everybody[gone]
            for channel in room:
                await channel.members(are(everybody))


def _metas(event: dict[str, Any]) -> list[dict[str, Any]]:
    metas = event["metas"]
    return metas["metas"] if isinstance(metas, dict) else metas
