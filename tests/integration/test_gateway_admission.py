"""At the door of a real server: too many at once, from one address, of one person; and everybody sent away."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from clients import Refused
from gateway_rig import Rig, opened
from gateway_server import connected
from whatssound.adapters.memory import MemoryLog
from whatssound.bus.log import LogEvent, LogPosition, Reset
from whatssound.config import Limits
from whatssound.ids import RoomId
from whatssound.wire.hints import hint_ms

HOME, ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.1"}


async def only(rig: Rig, sockets: int) -> None:
    """Return once the server has noticed that no more than so many are there."""
    async with asyncio.timeout(20):
        while rig.gateway.statistics().sockets > sockets:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_who_comes_too_early_gets_a_503_that_says_when_to_come_again(tmp_path: Path) -> None:
    limits = Limits(upgrades_per_second=1, upgrades_burst=2)
    async with opened(tmp_path, limits=limits) as rig, connected(rig.port), connected(rig.port):
        with pytest.raises(InvalidStatus) as refused:
            async with connected(rig.port):
                pass
        answer = refused.value.response
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        body = json.loads(answer.body or b"")
        assert body["code"] == "overloaded"
        assert 0 < body["retry_after_ms"] <= 1_500
        assert rig.gateway.statistics().sockets == 2
        assert rig.gateway.metrics.refused.labels("overloaded")._value.get() == 1


async def test_an_address_that_has_all_its_sockets_gets_a_429_and_others_are_let_in(tmp_path: Path) -> None:
    limits = Limits(sockets_per_address=1)
    async with opened(tmp_path, limits=limits, proxies=["127.0.0.1"]) as rig:
        async with connected(rig.port, additional_headers=HOME) as first:
            with pytest.raises(InvalidStatus) as refused:
                async with connected(rig.port, additional_headers=HOME):
                    pass
            assert refused.value.response.status_code == 429
            async with connected(rig.port, additional_headers=ELSEWHERE):
                assert rig.gateway.admission.statistics().addresses == 2
            await first.close()
        await only(rig, 0)
        async with connected(rig.port, additional_headers=HOME):
            assert rig.gateway.admission.statistics().addresses == 1


async def test_a_person_with_all_their_sockets_is_refused_at_the_door_and_at_a_join(tmp_path: Path) -> None:
    limits = Limits(sockets_per_user=1)
    async with opened(tmp_path, limits=limits, proxies=["127.0.0.1"]) as rig, AsyncExitStack() as stack:
        room, ana = await rig.room(), await rig.guest("Ana")
        token = rig.accounts.token_for(ana)
        first = await stack.enter_async_context(
            connected(rig.port, query=f"vsn=2.0.0&token={token}", additional_headers=HOME)
        )
        with pytest.raises(InvalidStatus) as refused:
            async with connected(rig.port, query=f"vsn=2.0.0&token={token}", additional_headers=ELSEWHERE):
                pass
        assert refused.value.response.status_code == 429
        later = await stack.enter_async_context(connected(rig.port, additional_headers=ELSEWHERE))
        join = json.dumps(["1", "1", f"room:{room.id}", "phx_join", {"access_token": token}])
        await later.send(join)
        answer = json.loads(await later.recv())
        assert answer[4]["response"]["code"] == "rate_limited"
        assert answer[4]["response"]["retry_after_ms"] > 0
        await first.close()
        await only(rig, 1)
        await later.send(join)
        assert json.loads(await later.recv())[4]["status"] == "ok"
    assert rig.gateway.admission.statistics()[:3] == (0, 0, 0)


async def test_a_person_with_all_their_sockets_is_refused_on_topics_of_programs_too(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(sockets_per_user=1), proxies=["127.0.0.1"]) as rig:
        token = rig.accounts.token_for(await rig.guest("Ana"))
        query = f"vsn=2.0.0&token={token}"
        async with (
            connected(rig.port, query=query, additional_headers=HOME),
            connected(rig.port, additional_headers=ELSEWHERE) as later,
        ):
            reader = {"access_token": rig.accounts.token_for(None)}
            for ref, payload in (("1", {"access_token": token}), ("2", reader)):
                join = {**payload, "config": {"presence": {"enabled": False}}}
                await later.send(json.dumps([ref, ref, "realtime:news", "phx_join", join]))
                assert json.loads(await later.recv())[4]["status"] == ("error" if ref == "1" else "ok")
            await later.send(json.dumps(["2", "3", "realtime:news", "access_token", {"access_token": token}]))
            await later.send(json.dumps(["2", "4", "realtime:news", "phx_leave", {}]))
            assert json.loads(await later.recv())[1] == "4", "its channel was ended instead of left as it was"
            assert rig.gateway.admission.statistics().people == 1


async def test_joining_twice_over_one_socket_is_one_place(tmp_path: Path) -> None:
    async with opened(tmp_path, limits=Limits(sockets_per_user=1), proxies=["127.0.0.1"]) as rig:
        rooms, token = [await rig.room(), await rig.room()], rig.accounts.token_for(await rig.guest("Ana"))
        async with connected(rig.port, additional_headers=HOME) as client:
            for room in (*rooms, rooms[0]):
                await client.send(json.dumps(["1", "1", f"room:{room.id}", "phx_join", {"access_token": token}]))
                while (read := json.loads(await client.recv()))[3] != "phx_reply":
                    pass
                assert read[4]["status"] == "ok"
            assert rig.gateway.admission.statistics().people == 1


async def test_a_drain_tells_everybody_another_moment_and_takes_nobody_new(tmp_path: Path) -> None:
    async with opened(tmp_path, drain_s=0.2) as rig, AsyncExitStack() as stack:
        room = await rig.room()
        clients = [await stack.enter_async_context(rig.client(None)) for _ in range(40)]
        await asyncio.gather(*(client.join(f"room:{room.id}") for client in clients))
        draining = asyncio.create_task(rig.gateway.drain())
        await asyncio.gather(*(client.lost() for client in clients))
        await draining
        closed = [client.closed_with or (0, "") for client in clients]
        assert {code for code, _ in closed} == {1012}
        hints = [hint_ms(reason) or 0 for _, reason in closed]
        assert all(1 <= hint <= 1_000 for hint in hints)
        assert len(set(hints)) > 20
        with pytest.raises(InvalidStatus) as refused:
            async with connected(rig.port):
                pass
        assert refused.value.response.status_code == 503
        assert "retry-after" in refused.value.response.headers
        assert rig.gateway.statistics()[:2] == (0, 0)


async def test_a_hurried_drain_does_not_take_its_time(tmp_path: Path) -> None:
    async with opened(tmp_path, drain_s=3_600) as rig, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(rig.client(None)) for _ in range(20)]
        draining = asyncio.create_task(rig.gateway.drain())
        rig.gateway.hurry()
        await asyncio.gather(*(client.lost() for client in clients))
        await draining
        assert {(client.closed_with or (0, ""))[0] for client in clients} == {1012}


class ForgetfulLog(MemoryLog):
    """A log that went on without us and cannot say how."""

    forgot = False

    async def positions(self, rooms: Sequence[RoomId]) -> dict[RoomId, LogPosition]:
        known = await super().positions(rooms)
        return {id: LogPosition("first", at.seq + 9, "x") for id, at in known.items()} if self.forgot else known

    async def replay(self, room: RoomId, after: LogPosition) -> list[LogEvent] | Reset:
        return Reset("forgotten") if self.forgot else await super().replay(room, after)


async def test_those_who_have_to_join_again_are_each_told_another_moment(tmp_path: Path) -> None:
    log = ForgetfulLog("first")
    async with opened(tmp_path, log=log, ticking=False) as rig, AsyncExitStack() as stack:
        room = await rig.room()
        clients = [await stack.enter_async_context(rig.client(None)) for _ in range(50)]
        await asyncio.gather(*(client.join(f"room:{room.id}") for client in clients))
        log.forgot = True
        rig.gateway.hub.checks.look()
        told = [await client.event("phx_error") for client in clients]
        assert {body["code"] for body in told} == {"unavailable"}
        assert all(1 <= body["retry_after_ms"] <= 50 for body in told)
        assert len({body["retry_after_ms"] for body in told}) > 10
        with pytest.raises(Refused):
            await clients[0].push(f"room:{room.id}", "typing")
