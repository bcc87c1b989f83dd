"""Every error is one shape: `{code, message, retry_after_ms?, details?}`, with the status of the error table."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from http_rig import Rig, opened
from whatssound.config import Limits
from whatssound.wire.errors import ERRORS


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, limits=Limits(guests_per_minute=0)) as rig:
        yield rig


ERROR_PATHS: list[tuple[str, str, dict[str, Any], str]] = [
    ("GET", "/nowhere", {}, "not_found"),
    ("GET", "/v1", {}, "not_found"),
    ("GET", "/v1/nowhere", {}, "not_found"),
    ("GET", "/r/a/b", {}, "not_found"),
    ("GET", "/docs/nowhere", {}, "not_found"),
    ("DELETE", "/v1/rooms", {}, "method_not_allowed"),
    ("PUT", "/v1/me", {}, "method_not_allowed"),
    ("POST", "/", {}, "method_not_allowed"),
    ("GET", "/v1/auth/guest", {}, "method_not_allowed"),
    ("POST", "/audio/covers/x", {}, "method_not_allowed"),
    ("POST", "/v1/auth/guest", {"content": b""}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b"{"}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b"null"}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b"\xff\xfe"}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b'{"name": "\xff"}'}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b'{"name": "\\ud800"}'}, "invalid"),
    ("POST", "/v1/auth/guest", {"content": b"[" * 100_000}, "invalid"),
    ("POST", "/v1/auth/guest", {"json": {}}, "invalid"),
    ("POST", "/v1/auth/guest", {"json": {"name": 5}}, "invalid"),
    ("POST", "/v1/auth/guest", {"json": {"name": "x" * 33}}, "invalid"),
    ("POST", "/v1/auth/guest", {"json": {"name": "Ana"}}, "rate_limited"),
    ("POST", "/v1/auth/guest", {"json": {"name": "x" * 300_000}}, "too_large"),
    ("POST", "/v1/auth/owner", {"json": {"code": "guess"}}, "unauthorized"),
    ("POST", "/v1/auth/refresh", {"json": {"refresh_token": "guess"}}, "unauthorized"),
    ("GET", "/v1/me", {}, "unauthorized"),
    ("GET", "/v1/tracks", {}, "unauthorized"),
    ("POST", "/v1/tracks", {"files": {"file": b"x"}}, "unauthorized"),
    ("POST", "/v1/rooms", {"json": {"title": "Friday"}}, "unauthorized"),
    ("PATCH", "/v1/rooms/x", {"json": {}}, "unauthorized"),
    ("GET", "/v1/rooms/x/messages", {}, "unauthorized"),
    ("GET", "/audio/tracks/5/master.m3u8", {}, "invalid"),
    ("GET", "/audio/tracks/5/master.m3u8?exp=1&sig=x", {}, "forbidden"),
    ("GET", "/audio/tracks/five/master.m3u8?exp=1&sig=x", {}, "invalid"),
    ("GET", "/audio/aaaa/128/index.m3u8?exp=1&sig=x", {}, "forbidden"),
    ("GET", "/audio/aaaa/loud/index.m3u8?exp=1&sig=x", {}, "not_found"),
    ("GET", "/audio/aaaa/128/init.mp4", {}, "not_found"),
    ("GET", "/audio/aaaa/128/..%2F..%2Fsecret", {}, "not_found"),
    ("GET", "/audio/covers/nowhere.jpg", {}, "not_found"),
    ("GET", "/audio/covers/..%2Fsecret", {}, "not_found"),
]


def _name(value: object) -> str | None:
    return value[:60] if isinstance(value, str) else None


@pytest.mark.parametrize(("method", "path", "request_", "code"), ERROR_PATHS, ids=_name)
async def test_an_error_has_the_one_shape(
    rig: Rig, method: str, path: str, request_: dict[str, Any], code: str
) -> None:
    answer = await rig.client.request(method, path, **request_)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["code"] == code
    assert answer.status_code == ERRORS[code].http_status
    assert body["message"].rstrip(".")
    assert set(body) <= {"code", "message", "retry_after_ms", "details"}
    assert ("retry-after" in answer.headers) == ("retry_after_ms" in body)
    assert ("www-authenticate" in answer.headers) == (code == "unauthorized")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_method_that_is_not_answered_is_told_which_are(rig: Rig) -> None:
    answer = await rig.client.put("/v1/me")
    assert {"GET", "PATCH", "DELETE"} <= {method.strip() for method in answer.headers["allow"].split(",")}


async def test_a_body_that_does_not_fit_is_told_which_field_and_why(rig: Rig) -> None:
    body = {"title": "", "settings": {"listed": "yes"}}
    answer = await rig.client.post("/v1/rooms", json=body, headers=await rig.owner())
    assert answer.status_code == 400
    assert answer.json()["details"]["fields"][0]["field"] in ("title", "settings.listed")
    assert "title" in answer.json()["message"] or "listed" in answer.json()["message"]


async def test_a_missing_body_is_called_missing(rig: Rig) -> None:
    assert (await rig.client.post("/v1/auth/guest")).json()["message"] == "data: it is missing"


async def test_a_client_that_leaves_in_the_middle_is_no_failure_of_ours(rig: Rig) -> None:
    sent: list[dict[str, Any]] = []

    async def leaves() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/auth/guest", "headers": [(b"content-length", b"9")]}
    scope |= {"query_string": b"", "root_path": "", "raw_path": b"/v1/auth/guest", "client": None, "server": None}
    with capture_logs() as logs:
        await rig.app(scope, leaves, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 400
    assert logs == []


async def test_what_breaks_is_logged_without_the_query_and_answered_without_the_cause(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ValueError("the secret is 42")

    monkeypatch.setattr(rig.services.rooms, "listed", broken)
    with capture_logs() as logs:
        answer = await rig.client.get("/v1/rooms?apikey=abc")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "42" not in answer.text
    [line] = logs
    assert (line["path"], line["method"]) == ("/v1/rooms", "GET")
    assert isinstance(line["exc_info"], ValueError)
    assert "abc" not in json.dumps(line, default=str)


async def test_a_full_disk_anywhere_is_named(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rig.services.rooms, "listed", full)
    answer = await rig.client.get("/v1/rooms")
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
