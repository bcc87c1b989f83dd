"""Somebody's whole stay on a real server: invited, playing, talking, and gone with everything that was theirs."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from clients import SocketClient
from music import make_wav
from servers import ApiProblem, ServerProcess

pytestmark = pytest.mark.slow

PASSWORD = "Moonlight Sonata"


def refusal(server: ServerProcess, method: str, path: str, body: object = None, *, token: str) -> str:
    """The code with which the server says no."""
    with pytest.raises(ApiProblem) as problem:
        server.call(method, path, body, token=token)
    return problem.value.body["code"]


def invited(server: ServerProcess, name: str) -> dict[str, Any]:
    """Tokens of a guest who registered with an invitation of the owner's."""
    owner = server.token("owner")
    code = server.call("POST", "/v1/invitations", {}, token=owner)["code"]
    guest = server.guest(name)
    wanted = {"name": name, "password": PASSWORD, "invitation": code}
    tokens = server.call("POST", "/v1/auth/register", wanted, token=guest["access_token"])
    assert tokens["user"]["id"] == guest["user"]["id"]
    return tokens


def uploaded(server: ServerProcess, file: Path, token: str) -> str:
    with file.open("rb") as opened:
        answer = httpx.post(
            f"{server.url}/v1/tracks",
            files={"file": (file.name, opened)},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def delete_me(server: ServerProcess, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.request(
        "DELETE", f"{server.url}/v1/me", json={"password": PASSWORD}, headers=headers, timeout=30
    ).status_code


async def test_who_leaves_is_gone_with_everything_but_their_words(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        tokens = invited(server, "Ana")
        token, reader = tokens["access_token"], server.token("anon")
        track = uploaded(server, make_wav(tmp_path / "song.wav", seconds=2), token)
        room = server.call("POST", "/v1/rooms", {"title": "Late night"}, token=token)["room"]["id"]
        async with SocketClient(server.url, token) as hers:
            await hers.join(f"room:{room}", device="desk")
            await hers.push(f"room:{room}", "queue:add", track_id=track, nonce="q")
            await hers.push(f"room:{room}", "chat:send", text="welcome", nonce="c")
            assert await asyncio.to_thread(delete_me, server, token) == 204
            await hers.lost()
            assert hers.closed_with == (1008, "signed out")
        assert refusal(server, "GET", f"/v1/rooms/{room}", token=token) == "unauthorized"
        assert refusal(server, "GET", f"/v1/tracks/{track}", token=reader) == "not_found"
        shown = server.call("GET", f"/v1/rooms/{room}", token=reader)
        assert (shown["room"]["state"], shown["room"]["dj"]["name"]) == ("ended", "")
        [said] = server.call("GET", f"/v1/rooms/{room}/messages", token=reader)["messages"]
        assert (said["text"], said["user"]["name"]) == ("welcome", "")
        assert not any(path.is_file() for path in (server.data / "uploads").rglob("*"))
        server.stop()
        server.start()
        assert refusal(server, "GET", f"/v1/rooms/{room}", token=token) == "unauthorized", "also after a restart"
