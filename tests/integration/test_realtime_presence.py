"""Presence as any Phoenix client sees it, in one process."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import gateway_rig
import nats_rig
from clients import Refused, SocketClient
from gateway_rig import Rig
from presence_client import PresenceClient
from whatssound.config import Limits

TOPIC = "realtime:lobby"
LIMITS = Limits(presence_calls_per_30s=6, presence_bytes=200)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with gateway_rig.opened(tmp_path, limits=LIMITS) as rig:
        yield rig


async def join(client: SocketClient, key: str = "", **presence: Any) -> None:
    await client.join(TOPIC, config={"presence": {"key": key, **presence}})


async def track(client: SocketClient, /, **payload: Any) -> dict[str, Any]:
    return await client.push(TOPIC, "presence", type="presence", event="track", payload=payload)


async def untrack(client: SocketClient) -> dict[str, Any]:
    return await client.push(TOPIC, "presence", event="UNTRACK")


async def shown(client: SocketClient) -> dict[str, Any]:
    """The state that a newcomer would be told."""
    return await client.event("presence_state")


async def joined_keys(client: SocketClient, count: int) -> set[str]:
    """The first keys that were told to it as joins."""
    keys: set[str] = set()

    def are_all(diff: dict[str, Any]) -> bool:
        keys.update(diff["joins"])
        return len(keys) >= count

    await client.event("presence_diff", where=are_all)
    return keys


def bare(presences: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Keys and metas without our references."""
    return {
        key: [{name: value for name, value in meta.items() if name != "phx_ref"} for meta in entry["metas"]]
        for key, entry in presences.items()
    }


async def test_the_first_who_joins_is_told_that_nobody_is_there(rig: Rig) -> None:
    async with rig.client() as ana:
        await join(ana)
        assert await shown(ana) == {}


async def test_who_is_present_is_told_to_all_and_to_who_comes_later(rig: Rig) -> None:
    async with rig.client() as ana, rig.client() as leo:
        await join(ana, "ana")
        await join(leo, "leo", enabled=False)
        assert await track(ana, status="dancing") == {}
        for client in (ana, leo):
            diff = await client.event("presence_diff")
            assert bare(diff["joins"]) == {"ana": [{"status": "dancing"}]}
            assert diff["leaves"] == {}
        async with rig.client() as kim:
            await join(kim)
            assert bare(await shown(kim)) == {"ana": [{"status": "dancing"}]}


async def test_what_follows_the_state_is_told_as_diffs_after_it(rig: Rig) -> None:
    async with rig.client() as ana, rig.client() as leo:
        await join(ana, "ana")
        await track(ana)
        await join(leo, "leo")
        await track(leo)
        await leo.event("presence_diff", where=lambda diff: "leo" in diff["joins"])
        names = [event for _, event, _ in leo.events]
        assert names[0] == "presence_state"
        assert set(names[1:]) == {"presence_diff"}


async def test_a_change_is_a_leave_and_a_join_that_names_what_it_replaces(rig: Rig) -> None:
    async with rig.client() as ana:
        await join(ana, "ana")
        await track(ana, status="dancing")
        [first] = (await ana.event("presence_diff"))["joins"]["ana"]["metas"]
        before = len(ana.events)
        await track(ana, status="resting", phx_ref="mine")
        diff = await ana.event("presence_diff", after=before)
        [second] = diff["joins"]["ana"]["metas"]
        assert diff["leaves"] == {"ana": {"metas": [first]}}
        assert (second["status"], second["phx_ref_prev"]) == ("resting", first["phx_ref"])
        assert second["phx_ref"] not in (first["phx_ref"], "mine")


async def test_saying_the_same_again_is_no_news(rig: Rig) -> None:
    async with rig.client() as ana, rig.client() as leo:
        await join(ana, "ana")
        await join(leo, "leo")
        await track(ana, a=1, b=[{"c": None}])
        await leo.event("presence_diff")
        assert await ana.push(TOPIC, "presence", event="Track", payload={"b": [{"c": None}], "a": 1}) == {}
        await track(leo)
        await leo.event("presence_diff", where=lambda diff: "leo" in diff["joins"])
        assert [event for _, event, diff in leo.events if "ana" in diff.get("joins", {})] == ["presence_diff"]


async def test_several_channels_under_one_key_are_several_metas(rig: Rig) -> None:
    async with rig.client() as phone, rig.client() as desk, rig.client() as leo:
        await join(phone, "ana")
        await join(desk, "ana")
        await track(phone, on="phone")
        await track(desk, on="desk")
        await desk.event("presence_diff", where=lambda diff: {"on": "desk"} in bare(diff["joins"]).get("ana", []))
        await join(leo)
        assert bare(await shown(leo)) == {"ana": [{"on": "phone"}, {"on": "desk"}]}
        await untrack(phone)
        diff = await leo.event("presence_diff")
        assert (diff["joins"], bare(diff["leaves"])) == ({}, {"ana": [{"on": "phone"}]})


@pytest.mark.parametrize("way", ["untrack", "leave", "disconnect", "join again"])
async def test_who_goes_leaves_with_the_very_meta_that_was_told(rig: Rig, way: str) -> None:
    async with rig.client() as leo, rig.client() as ana:
        await join(leo)
        await join(ana, "ana")
        await track(ana, status="dancing")
        joined = (await leo.event("presence_diff"))["joins"]
        match way:
            case "untrack":
                assert await untrack(ana) == {}
            case "leave":
                await ana.push(TOPIC, "phx_leave")
            case "disconnect":
                await ana.close()
            case _:
                await join(ana, "ana")
        diff = await leo.event("presence_diff", where=lambda diff: diff["leaves"])
        assert (diff["joins"], diff["leaves"]) == ({}, joined)


async def test_a_key_of_ours_is_given_to_who_has_none(rig: Rig) -> None:
    async with rig.client() as ana, rig.client() as leo:
        await ana.join(TOPIC, config={"presence": None})
        await join(leo)
        await track(ana)
        await track(leo)
        keys = await joined_keys(leo, 2)
        assert all(len(key) == 36 for key in keys)


async def test_a_channel_that_did_not_ask_for_presence_may_be_present(rig: Rig) -> None:
    async with rig.client() as ana:
        await join(ana, "ana", enabled=False)
        await track(ana)
        await ana.event("presence_diff")
        assert "presence_state" not in [event for _, event, _ in ana.events]


@pytest.mark.parametrize("payload", ["text", None, [], 1])
async def test_only_an_object_can_be_tracked(rig: Rig, payload: Any) -> None:
    async with rig.client() as ana:
        await join(ana)
        with pytest.raises(Refused) as refused:
            await ana.push(TOPIC, "presence", event="track", payload=payload)
        assert refused.value.response["reason"] == "Presence track payload must be a map"


async def test_an_unknown_event_is_refused(rig: Rig) -> None:
    async with rig.client() as ana:
        await join(ana)
        with pytest.raises(Refused):
            await ana.push(TOPIC, "presence", event="wave")
        with pytest.raises(Refused):
            await ana.push(TOPIC, "presence", payload={})


@pytest.mark.parametrize(
    ("too_much", "text"), [("calls", "Client presence rate limit exceeded"), ("bytes", "Track message size exceeded")]
)
async def test_too_much_is_refused_and_ends_the_channel(rig: Rig, too_much: str, text: str) -> None:
    async with rig.client() as leo, rig.client() as ana:
        await join(leo)
        await join(ana, "ana")
        await track(ana)
        await leo.event("presence_diff")
        assert await refused(ana, too_much) == text
        system = await ana.event("system")
        assert system == {"extension": "system", "status": "error", "message": text, "channel": "lobby"}
        await ana.event("phx_close")
        await leo.event("presence_diff", where=lambda diff: not diff["joins"] and "ana" in diff["leaves"])


async def refused(client: SocketClient, too_much: str) -> str:
    """The reason that too much is refused with; a channel that was tracked once has five calls left."""
    for n in range(LIMITS.presence_calls_per_30s - 1 if too_much == "calls" else 0):
        await track(client, n=n)
    with pytest.raises(Refused) as refused:
        await track(client, long="x" * 200 if too_much == "bytes" else "")
    return refused.value.response["reason"]


async def test_public_and_private_topics_do_not_see_each_other(rig: Rig) -> None:
    guest = await rig.guest("Ana")
    async with rig.client(guest) as public, rig.client(guest) as private:
        await join(public, "public")
        await private.join(TOPIC, config={"private": True, "presence": {"key": "private"}})
        await track(public)
        await track(private)
        for client, other in ((public, "private"), (private, "public")):
            await client.event("presence_diff")
            assert not [diff for _, _, diff in client.events if other in diff.get("joins", {})]


def held(client: SocketClient) -> set[str]:
    """The keys that a client holds after all it was told."""
    presences = PresenceClient()
    for _, event, payload in client.events:
        if event == "presence_state":
            presences.hear_state(json.dumps(payload).encode())
        elif event == "presence_diff":
            presences.hear_diff(json.dumps(payload).encode())
    return set(presences.metas)


async def test_of_a_large_topic_a_part_is_shown_and_to_each_its_own(rig: Rig) -> None:
    rig.gateway.presence.shown = 3
    people = {f"k{n}": rig.client() for n in range(6)}
    async with AsyncExitStack() as stack:
        for key, client in people.items():
            await stack.enter_async_context(client)
            await join(client, key)
            await track(client)
            await client.event("presence_diff", where=lambda diff, key=key: key in diff["joins"])
        for key, client in people.items():
            assert held(client) == {"k0", "k1", "k2", key}
            await client.event("broadcast", where=lambda said: said["payload"] == {"count": 6, "shown": 3})
        newcomer = await stack.enter_async_context(rig.client())
        await join(newcomer)
        said = await newcomer.event("broadcast")
        assert said == {"type": "broadcast", "event": "presence_count", "payload": {"count": 6, "shown": 3}}
        assert held(newcomer) == {"k0", "k1", "k2"}
        await track(people["k5"], status="hidden, and changed")
        await people["k5"].event("presence_diff", where=lambda diff: "k5" in diff["leaves"])
        await untrack(people["k5"])
        await people["k0"].close()
        await newcomer.event("presence_diff", where=lambda diff: "k3" in diff["joins"])
        assert held(newcomer) == {"k1", "k2", "k3"}
        await untrack(people["k1"])
        await newcomer.event("broadcast", where=lambda said: said["payload"] == {"count": 3, "shown": 3})
        assert held(newcomer) == {"k2", "k3", "k4"}
        assert held(people["k5"]) == {"k2", "k3", "k4"}


@pytest.fixture
async def patient(tmp_path: Path) -> AsyncIterator[Rig]:
    """A server on which those whose connection broke stay present for long."""
    async with gateway_rig.opened(tmp_path, limits=Limits(presence_grace_s=300)) as rig:
        yield rig


async def test_nobody_sees_who_is_back_in_time_and_says_the_same(patient: Rig) -> None:
    async with patient.client() as leo:
        await join(leo, "leo")
        async with patient.client() as ana:
            await join(ana, "ana")
            await track(ana, status="dancing")
            first = (await leo.event("presence_diff"))["joins"]["ana"]
        async with patient.client() as ana:
            await join(ana, "ana")
            assert (await shown(ana))["ana"] == first
            await track(ana, status="dancing")
            await track(leo)
            await leo.event("presence_diff", where=lambda diff: "leo" in diff["joins"])
            assert [list(diff["joins"]) for _, event, diff in leo.events if event == "presence_diff"] == [
                ["ana"],
                ["leo"],
            ]
            await untrack(ana)
            assert (await leo.event("presence_diff", where=lambda diff: diff["leaves"]))["leaves"] == {"ana": first}


async def test_who_is_back_in_time_and_says_something_else_replaces_what_was_left(patient: Rig) -> None:
    async with patient.client() as leo:
        await join(leo, "leo")
        async with patient.client() as ana:
            await join(ana, "ana")
            await track(ana, status="dancing")
            first = (await leo.event("presence_diff"))["joins"]["ana"]
        async with patient.client() as ana:
            await join(ana, "ana")
            await track(ana, status="back")
            diff = await leo.event("presence_diff", where=lambda diff: diff["leaves"])
            assert diff["leaves"] == {"ana": first}
            assert bare(diff["joins"])["ana"][0]["status"] == "back"


@pytest.mark.parametrize("way", ["untrack", "leave"])
async def test_who_goes_with_a_word_leaves_at_once(patient: Rig, way: str) -> None:
    async with patient.client() as leo, patient.client() as ana:
        await join(leo, "leo")
        await join(ana, "ana")
        await track(ana)
        await leo.event("presence_diff")
        await (untrack(ana) if way == "untrack" else ana.push(TOPIC, "phx_leave"))
        await leo.event("presence_diff", where=lambda diff: "ana" in diff["leaves"])


async def test_who_does_not_come_back_leaves_when_the_grace_is_over(tmp_path: Path) -> None:
    async with gateway_rig.opened(tmp_path, limits=Limits(presence_grace_s=0.05)) as rig, rig.client() as leo:
        await join(leo, "leo")
        async with rig.client() as ana:
            await join(ana, "ana")
            await track(ana)
        await leo.event("presence_diff", where=lambda diff: "ana" in diff["leaves"])
        async with rig.client() as ana:
            await ana.join("realtime:empty", config={"presence": {"key": "ana"}})
            await ana.push("realtime:empty", "presence", event="track", payload={})
        await nats_rig.until(lambda: rig.gateway.topics.statistics().topics == 1)
