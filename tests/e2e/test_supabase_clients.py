"""Somebody with supabase-js and somebody with the page, in one session."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser

import public_clients
from conftest import need
from e2e.people import dj, listener, open_room, queue, upload
from public_clients import DEADLINE_S, Channel, PublicClients
from servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

T = TypeVar("T")


class Aside:
    """An event loop of its own for the clients: the browser's driver holds this thread's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` answers."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * DEADLINE_S)

    def close(self) -> None:
        """End the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def aside() -> Iterator[Aside]:
    aside = Aside()
    yield aside
    aside.close()


@pytest.fixture
def clients(aside: Aside) -> Iterator[PublicClients]:
    need("clients", public_clients.installed(), "run `bash tests/supabase/install`")
    with public_clients.running_drivers() as drivers:
        made = PublicClients(drivers)
        yield made
        aside.do(made.close())


async def joined(clients: PublicClients, url: str, token: str, room: str) -> Channel:
    return await (await clients.make("supabase-js", url, token)).join(f"room:{room}", ack=True)


def test_supabase_js_follows_a_dj_and_talks_with_somebody_on_the_page(
    *, browser: Browser, server: ServerProcess, songs: list[Path], aside: Aside, clients: PublicClients
) -> None:
    ana = dj(browser, server)
    address = open_room(ana, "All of us")
    ben = listener(browser)
    ben.open(address)
    guest = server.guest("Cid")
    room = server.call("GET", f"/v1/rooms/{address.rpartition('/')[2]}", token=guest["access_token"])["room"]["id"]
    cid = aside.do(joined(clients, server.url, guest["access_token"], room))

    upload(ana, songs[0])
    queue(ana, songs[0].stem)
    queued = aside.do(cid.take("broadcast", lambda told: told["event"] == "queue" and told["payload"]["entries"]))
    assert queued["payload"]["entries"][0]["track"]["title"] == songs[0].stem
    ana.part("play").click()
    playing = aside.do(cid.take("broadcast", lambda told: told["event"] == "playback" and told["payload"]["playing"]))
    assert playing["payload"]["track"]["title"] == songs[0].stem
    ana.part("pause").click()
    aside.do(cid.take("broadcast", lambda told: told["event"] == "playback" and not told["payload"]["playing"]))

    assert aside.do(cid.send("chat", {"text": "hello from afar"})) == "ok"
    for person in (ana, ben):
        person.sees_message("hello from afar")
    ben.say("hello back")
    assert aside.do(cid.broadcast("chat"))["payload"]["text"] == "hello back"
    there = server.call("GET", f"/v1/rooms/{room}/listeners", token=guest["access_token"])
    assert there["count"] == 3
    assert guest["user"]["name"] in {person["name"] for person in there["people"]}
    for person in (ana, ben):
        person.close()
