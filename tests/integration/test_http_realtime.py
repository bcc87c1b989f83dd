"""Broadcasts over HTTP: Supabase's two routes, its statuses and its words."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from http_rig import Rig, opened
from whatssound.config import Limits
from whatssound.ids import RoomId
from whatssound.realtime.broadcast import Broadcast, decode_broadcast
from whatssound.realtime.topics import Topic
from whatssound.wire.commands import MemberBan

BATCH, BARE = "/realtime/v1/api/broadcast", "/api/broadcast"
LIMITS = Limits(realtime_payload_bytes=1_000, realtime_socket_events_per_second=10, realtime_socket_events_burst=20)


class Ear:
    """Everything that is published to some topics."""

    def __init__(self, rig: Rig, *topics: Topic) -> None:
        self.heard: list[Broadcast] = []
        for topic in topics:
            rig.services.bus.subscribe(topic.bus, lambda message: self.heard.append(decode_broadcast(message)))

    def payloads(self) -> list[Any]:
        return [json.loads(broadcast.payload) for broadcast in self.heard]


@asynccontextmanager
async def limited(data: Path, **limits: Any) -> AsyncIterator[Rig]:
    async with opened(data, limits=Limits(**limits)) as rig:
        yield rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, limits=LIMITS) as rig:
        yield rig


def message(**fields: Any) -> dict[str, Any]:
    return {"topic": "party", "event": "hello", "payload": {"a": 1}, **fields}


async def batch(rig: Rig, headers: dict[str, str], *messages: Any, path: str = BATCH) -> httpx.Response:
    return await rig.client.post(path, json={"messages": messages}, headers=headers)


async def test_a_batch_goes_out_in_its_order_and_is_accepted_without_a_word(rig: Rig) -> None:
    for path in (BATCH, BARE, f"{BATCH}?apikey=key&vsn=2.0.0"):
        ear = Ear(rig, Topic("party"), Topic("other:room/1"))
        answer = await batch(rig, rig.reader(), message(id="m1"), message(topic="other:room/1", payload={}), path=path)
        assert (answer.status_code, answer.content) == (202, b"")
    assert ear.payloads() == [
        {"type": "broadcast", "event": "hello", "payload": {"a": 1}, "meta": {"id": "m1"}},
        {"type": "broadcast", "event": "hello", "payload": {}},
    ]


async def test_a_private_topic_is_another_topic_and_who_may_not_write_there_is_left_out(rig: Rig) -> None:
    public, private = Ear(rig, Topic("party")), Ear(rig, Topic("party", private=True))
    answer = await batch(rig, rig.reader(), message(private=True), message(event="second"))
    assert answer.status_code == 202
    assert [broadcast.event for broadcast in public.heard] == ["second"]
    assert private.heard == []
    await batch(rig, await rig.guest(), message(private=True))
    assert len(private.heard) == 1


async def test_a_batch_with_something_wrong_says_what_and_sends_nothing(rig: Rig) -> None:
    ear, reader = Ear(rig, Topic("party")), rig.reader()
    tries: list[tuple[list[Any], list[Any]]] = [
        ([message(), message(topic="")], [{}, {"topic": ["can't be blank"]}]),
        ([{}], [{"topic": ["can't be blank"], "event": ["can't be blank"], "payload": ["can't be blank"]}]),
        (
            [message(payload=[1], event=5, private="yes", id=3)],
            [{"event": ["is invalid"], "payload": ["is invalid"], "private": ["is invalid"], "id": ["is invalid"]}],
        ),
        ([message(payload={"a": "x" * 1_000})], [{"payload": ["Payload size exceeds tenant limit"]}]),
        ([message(topic="é" * 124)], [{"topic": ["should be at most 246 byte(s)"]}]),
        ([5], [{"topic": ["can't be blank"], "event": ["can't be blank"], "payload": ["can't be blank"]}]),
    ]
    for messages, problems in tries:
        answer = await batch(rig, reader, *messages)
        assert (answer.status_code, answer.json()) == (422, {"errors": {"messages": problems}})
    assert ear.heard == []


async def test_a_body_that_is_no_batch_is_told_so(rig: Rig) -> None:
    tries = [
        (b"{}", "can't be blank"),
        (b"", "is invalid"),
        (b'{"messages":{}}', "is invalid"),
        (b"[" * 9_000, "is invalid"),
    ]
    for body, problem in tries:
        answer = await rig.client.post(BATCH, content=body, headers=rig.reader())
        assert (answer.status_code, answer.json()) == (422, {"errors": {"messages": [problem]}})


async def test_the_token_is_taken_from_three_places_and_the_bearer_wins(rig: Rig) -> None:
    token = rig.reader()["Authorization"].removeprefix("Bearer ")
    good, bad = {"apikey": token}, {"apikey": "nonsense"}
    assert (await batch(rig, good, message())).status_code == 202
    assert (await batch(rig, {**rig.reader(), **bad}, message())).status_code == 202
    assert (await batch(rig, {}, message(), path=f"{BATCH}?apikey={token}")).status_code == 202
    for headers in ({}, bad, {**good, "Authorization": "Bearer nonsense"}):
        answer = await batch(rig, headers, message())
        assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")
        answer = await rig.client.post(f"{BATCH}/party/events/e", json={}, headers=headers)
        assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")


async def test_one_broadcast_goes_to_the_topic_that_its_path_spells(rig: Rig) -> None:
    ear = Ear(rig, Topic("a/b:c ?%"), Topic("a/b:c ?%", private=True))
    name, headers = "a%2Fb%3Ac%20%3F%25/events/e%2F%C3%A9", {**await rig.guest(), "content-type": "application/json"}
    where = f"{BARE}/{name}"
    for payload in ({"a": 1}, [1, "two"], "text", 5, None):
        answer = await rig.client.post(where, content=json.dumps(payload), headers=headers)
        assert (answer.status_code, answer.content) == (202, b"")
        assert ear.payloads()[-1] == {"type": "broadcast", "event": "e/é", "payload": payload}
    await rig.client.post(f"{BATCH}/{name}?private=true", json={}, headers=headers)
    assert len(ear.heard) == 6


async def test_bytes_go_out_as_bytes(rig: Rig) -> None:
    ear = Ear(rig, Topic("party"))
    headers = {**rig.reader(), "content-type": "application/octet-stream"}
    answer = await rig.client.post(f"{BATCH}/party/events/raw", content=b"\x00\xff", headers=headers)
    assert answer.status_code == 202
    assert ear.heard == [Broadcast("raw", b"\x00\xff", is_json=False)]


async def test_one_broadcast_that_cannot_be_sent_is_told_why(rig: Rig) -> None:
    tries: list[tuple[str, bytes, str, int, Any]] = [
        ("party/events/e", b"x", "text/plain", 415, ["error"]),
        ("party/events/e", b"NaN", "application/json", 422, {"payload": ["is invalid"]}),
        ("party/events/e", b"", "application/json", 422, {"payload": ["can't be blank"]}),
        ("party/events/e", b"x" * 1_001, "application/octet-stream", 422, {"payload": [None]}),
        ("%20/events/e", b"{}", "application/json", 422, {"topic": ["can't be blank"]}),
        ("%FF/events/e", b"{}", "application/json", 422, {"topic": ["is invalid"]}),
        ("party/events/" + "e" * 256, b"{}", "application/json", 422, {"event": [None]}),
        ("party/event/e", b"{}", "application/json", 404, ["code"]),
        ("party/events/e/f", b"{}", "application/json", 404, ["code"]),
    ]
    for where, body, kind, status, said in tries:
        headers = {**rig.reader(), "content-type": kind}
        answer = await rig.client.post(f"{BATCH}/{where}", content=body, headers=headers)
        assert answer.status_code == status
        if isinstance(said, list):
            assert set(said) <= set(answer.json())
        else:
            errors = answer.json()["errors"]
            assert errors == {name: errors[name] if told == [None] else told for name, told in said.items()}


async def test_one_broadcast_is_kept_when_its_query_says_so(rig: Rig) -> None:
    topic = Topic("party", private=True)
    ear, headers, where = Ear(rig, topic), await rig.guest(), f"{BATCH}/party/events/e?private=true"
    for query, payload in (("persist=true", 1), ("persist[ttl]=60", 2), ("persist=false", 3)):
        answer = await rig.client.post(f"{where}&{query}", json=payload, headers=headers)
        assert (answer.status_code, answer.content) == (202, b"")
    kept = (await rig.services.kept.since(topic, 0, 25)).broadcasts
    assert [json.loads(broadcast.payload)["payload"] for broadcast in kept] == [1, 2]
    assert [told.get("meta") for told in ear.payloads()] == [*({"id": broadcast.id} for broadcast in kept), None]
    rig.time.now_ms += 60_001
    assert [broadcast.id for broadcast in (await rig.services.kept.since(topic, 0, 25)).broadcasts] == [kept[0].id]


async def test_what_cannot_be_kept_over_http_is_told_why_and_not_sent(rig: Rig) -> None:
    ear, headers = Ear(rig, Topic("party"), Topic("party", private=True)), await rig.guest()
    for query, status in (
        ("persist=true", 422),
        ("private=true&persist=perhaps", 422),
        ("private=true&persist[ttl]=0", 422),
        ("private=true&persist[ttl]=-5", 422),
    ):
        answer = await rig.client.post(f"{BATCH}/party/events/e?{query}", json={}, headers=headers)
        assert (answer.status_code, list(answer.json()["errors"])) == (status, ["persist"])
    answer = await rig.client.post(f"{BATCH}/party/events/e?private=true&persist=true", json={}, headers=rig.reader())
    assert answer.status_code == 403
    assert ear.heard == []


async def test_a_private_topic_that_may_not_be_written_is_forbidden(rig: Rig) -> None:
    where = f"{BATCH}/party/events/e?private=true"
    answer = await rig.client.post(where, json={}, headers=rig.reader())
    assert (answer.status_code, answer.json()["message"]) == (403, "Unauthorized")
    assert (await rig.client.post(where, json={}, headers=await rig.guest())).status_code == 202


async def test_more_than_a_socket_may_send_is_refused_with_the_time_to_wait(rig: Rig) -> None:
    guest = await rig.guest()
    answer = await batch(rig, guest, *[message()] * 21)
    assert (answer.status_code, answer.json()["message"]) == (
        429,
        "Too many messages to broadcast, please reduce the batch size",
    )
    assert (await batch(rig, guest, *[message()] * 15)).status_code == 202
    answer = await batch(rig, guest, *[message()] * 15)
    assert (answer.status_code, answer.json()["message"]) == (429, "You have exceeded your rate limit")
    assert (answer.json()["retry_after_ms"], answer.headers["retry-after"]) == (1_001, "2")
    assert (await batch(rig, await rig.guest("Ben"), *[message()] * 15)).status_code == 202
    rig.time.now_ms += 1_001
    assert (await batch(rig, guest, *[message()] * 15)).status_code == 202


async def test_the_headers_say_how_much_goes_on_and_the_process_has_a_limit(tmp_path: Path) -> None:
    async with limited(tmp_path, realtime_events_per_second=1) as rig:
        answer = await batch(rig, rig.reader(), *[message()] * 30)
        assert {name: value for name, value in answer.headers.items() if name.startswith("x-rate")} == {
            "x-rate-rolling": "0.50",
            "x-rate-limit": "1",
            "x-rate-limit-remaining": "0.50",
        }
        answer = await batch(rig, rig.reader(), *[message()] * 31)
        assert (answer.status_code, answer.json()["message"]) == (429, "Too many requests")
        assert answer.headers["x-rate-rolling"] == "0.50"


async def test_a_person_says_a_line_in_a_room_as_on_its_socket(rig: Rig) -> None:
    room = (await rig.room())["room"]["id"]
    ear = Ear(rig, Topic(f"room:{room}"))
    ana = await rig.guest()
    where = f"{BATCH}/room%3A{room}/events/chat"
    assert (await rig.client.post(where, json={"text": "hello", "nonce": "n1"}, headers=ana)).status_code == 202
    assert (await rig.client.post(where, json={"text": "hello", "nonce": "n1"}, headers=ana)).status_code == 202
    answer = await batch(rig, ana, message(topic=f"room:{room}", event="chat", payload={"text": "again"}))
    assert answer.status_code == 202
    page = await rig.client.get(f"/v1/rooms/{room}/messages", headers=ana)
    assert [line["text"] for line in page.json()["messages"]] == ["again", "hello"]
    assert ear.heard == []


async def test_a_line_in_a_batch_that_is_not_taken_is_told_when_the_rest_is_on_its_way(rig: Rig) -> None:
    room = (await rig.room())["room"]["id"]
    ear = Ear(rig, Topic("party"))
    line = message(topic=f"room:{room}", event="chat", payload={"nothing": 1})
    answer = await batch(rig, await rig.guest(), line, message())
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert len(ear.heard) == 1


async def test_nobody_fakes_what_a_room_says(rig: Rig) -> None:
    room = (await rig.room())["room"]["id"]
    ear = Ear(rig, Topic(f"room:{room}"), Topic(f"room:{room}", private=True))
    owner, base = await rig.owner(), f"{BATCH}/room%3A{room}/events"
    for event, headers in (("playback", owner), ("chat_deleted", owner), ("chat", rig.reader())):
        answer = await rig.client.post(f"{base}/{event}", json={"text": "x"}, headers=headers)
        assert answer.status_code == 403
        faked = {"topic": f"room:{room}", "event": event, "payload": {"text": "x"}, "private": True}
        assert (await batch(rig, headers, message(**faked))).status_code == 202
    for status, where, body in (
        (404, f"{BATCH}/room%3A99/events/chat", {"text": "x"}),
        (202, f"{BATCH}/room%3Afriday/events/chat", {"text": "x"}),  # only ids make rooms
        (400, f"{base}/chat", {"nothing": 1}),
    ):
        assert (await rig.client.post(where, json=body, headers=owner)).status_code == status
    assert ear.heard == []
    page = await rig.client.get(f"/v1/rooms/{room}/messages", headers=owner)
    assert page.json()["messages"] == []


async def test_who_is_banned_says_nothing_over_http_either(rig: Rig) -> None:
    room = (await rig.room())["room"]["id"]
    ana = await rig.guest()
    me = (await rig.client.get("/v1/me", headers=ana)).json()
    owner = await rig.services.accounts.owner()
    await rig.services.rooms.run(RoomId(int(room)), owner, MemberBan(me["id"]), device=None)
    answer = await rig.client.post(f"{BATCH}/room%3A{room}/events/chat", json={"text": "x"}, headers=ana)
    assert (answer.status_code, answer.json()["code"]) == (403, "banned")


async def test_a_page_of_any_origin_may_send_with_supabases_headers(rig: Rig) -> None:
    for path in (BATCH, f"{BATCH}/a%2Fb/events/e"):
        answer = await rig.client.options(
            path,
            headers={
                "Origin": "https://example.org",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "apikey,authorization,content-type,x-client-info",
            },
        )
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
        assert {"apikey", "authorization", "content-type", "x-client-info"} <= allowed
    answer = await batch(rig, {**rig.reader(), "Origin": "https://example.org"}, message())
    assert "x-rate-rolling" in answer.headers["access-control-expose-headers"]
    assert answer.headers["access-control-allow-origin"] == "*"
