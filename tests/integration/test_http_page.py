"""The page and what lies around it: files, caching, safety, health, the API's description."""

import gzip
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from http_rig import Rig, opened
from whatssound.http.page_files import load

SCRIPT = "console.log('hello');\n" * 100


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets" / "fonts").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>WhatsSound</title>" + "<p>hello</p>" * 50)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets" / "main-1a2b3c.js").write_text(SCRIPT)
    (folder / "assets" / "fonts" / "inter-9f.woff2").write_bytes(bytes(range(256)))
    return folder


def test_the_page_is_told_where_it_is_served(built: Path) -> None:
    source = Path(__file__).parents[2] / "web" / "index.html"
    (built / "index.html").write_bytes(source.read_bytes())
    for public_path, base in (("", b'<base href="/" />'), ("/music", b'<base href="/music/" />')):
        index = load(built, public_path=public_path).index
        assert index is not None
        assert base in index.data
        assert index.gzipped is not None
        assert base in gzip.decompress(index.gzipped)


@pytest.fixture
async def rig(tmp_path: Path, built: Path) -> AsyncIterator[Rig]:
    async with opened(tmp_path, page=built) as rig:
        yield rig


@pytest.mark.parametrize("path", ["/", "/r/friday-night-x7", "/r/friday-night-x7/", "/about-music"])
async def test_the_page_is_given_at_home_and_at_every_room(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<title>WhatsSound</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_page_may_load_from_here_only_and_be_framed_by_nobody(rig: Rig) -> None:
    headers = (await rig.client.get("/")).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == "'self'"
    assert policy["base-uri"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert {"'self'", "ws:"} <= set(policy["connect-src"].split())
    assert "blob:" in policy["media-src"]
    assert "data:" in policy["img-src"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


async def test_an_asset_has_its_type_and_is_kept_for_ever(rig: Rig) -> None:
    script = await rig.client.get("/assets/main-1a2b3c.js", headers={"Accept-Encoding": "identity"})
    assert (script.text, script.headers["content-type"]) == (SCRIPT, "text/javascript; charset=utf-8")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    font = await rig.client.get("/assets/fonts/inter-9f.woff2")
    assert (font.content, font.headers["content-type"]) == (bytes(range(256)), "font/woff2")


async def test_scripts_travel_compressed_and_fonts_as_they_are(rig: Rig) -> None:
    async with rig.client.stream("GET", "/assets/main-1a2b3c.js", headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) == len(raw) < len(SCRIPT)
        assert gzip.decompress(raw).decode() == SCRIPT
    font = await rig.client.get("/assets/fonts/inter-9f.woff2", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in font.headers


async def test_a_page_that_has_not_changed_is_not_sent_again(rig: Rig) -> None:
    etag = (await rig.client.get("/")).headers["etag"]
    again = await rig.client.get("/", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


async def test_head_tells_the_size_without_the_page(rig: Rig) -> None:
    whole = await rig.client.get("/", headers={"Accept-Encoding": "identity"})
    head = await rig.client.head("/", headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    assert head.headers["content-type"] == whole.headers["content-type"]


async def test_what_the_build_put_beside_the_page_is_served(rig: Rig) -> None:
    icon = await rig.client.get("/icon.svg")
    assert (icon.text, icon.headers["content-type"], icon.headers["cache-control"]) == (
        "<svg/>",
        "image/svg+xml",
        "no-cache",
    )


@pytest.mark.parametrize(
    "path",
    ["/assets/gone.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/assets//etc/passwd", "/index.php"],
)
async def test_nothing_else_is_served(rig: Rig, path: str) -> None:
    answer = await rig.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_page_that_was_never_built_says_how_to_build_it(tmp_path: Path) -> None:
    async with opened(tmp_path, page=tmp_path / "nowhere") as rig:
        answer = await rig.client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "make run" in answer.text


async def test_the_process_tells_that_it_lives(rig: Rig) -> None:
    assert (await rig.client.get("/healthz")).json() == {"status": "ok"}
    assert (await rig.client.head("/healthz")).status_code == 200
    assert (await rig.client.get("/readyz")).json() == {"status": "ready"}


async def test_a_process_that_is_not_ready_says_why(tmp_path: Path) -> None:
    async def not_ready() -> Sequence[str]:
        return ("the database does not answer", "the encoder does not start")

    async with opened(tmp_path, not_ready=not_ready) as rig:
        answer = await rig.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["details"] == {"reasons": ["the database does not answer", "the encoder does not start"]}
    assert answer.headers["retry-after"] == "1"


async def test_metrics_are_given_from_the_registry(rig: Rig) -> None:
    answer = await rig.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "whatssound_tests_total 1.0" in answer.text


async def test_the_api_describes_itself_without_loading_anything(rig: Rig) -> None:
    answer = await rig.client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r"<script|src=|@import|url\(", answer.text)
    assert not re.search(r'href="(?!#|/docs/|data:)', answer.text)
    for needed in ("/v1/auth/guest", "/v1/rooms/{room}/messages", "/v1/tracks", "retry_after_ms", "TrackBody"):
        assert needed in answer.text


async def test_the_description_for_programs_names_every_route_body_and_error(rig: Rig) -> None:
    api = (await rig.client.get("/docs/openapi.json")).json()
    routes = {(method, path) for path, item in api["paths"].items() for method in item if method != "parameters"}
    assert {
        ("post", "/v1/auth/guest"),
        ("post", "/v1/auth/refresh"),
        ("post", "/v1/auth/owner"),
        ("get", "/v1/me"),
        ("patch", "/v1/me"),
        ("post", "/v1/tracks"),
        ("get", "/v1/tracks"),
        ("get", "/v1/tracks/{track_id}"),
        ("post", "/v1/tracks/{track_id}/encode"),
        ("post", "/v1/rooms"),
        ("get", "/v1/rooms"),
        ("get", "/v1/rooms/{room}"),
        ("patch", "/v1/rooms/{room}"),
        ("get", "/v1/rooms/{room}/messages"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    } <= routes
    upload = api["paths"]["/v1/tracks"]["post"]
    assert upload["requestBody"]["content"]["multipart/form-data"]["schema"]["required"] == ["file"]
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, item in api["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert answer["content"]["application/json"]["schema"] == problem, (method, path, status)
    assert (await rig.client.get("/docs/openapi.yaml")).status_code == 200


async def test_anybody_s_page_may_use_the_api(rig: Rig) -> None:
    origin = {"Origin": "https://radio.example"}
    for path in ("/v1/rooms", "/v1/me", "/audio/covers/x", "/nowhere"):
        answer = await rig.client.get(path, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "*", path
    asked = {**origin, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    allowed = await rig.client.options("/v1/me", headers=asked)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
