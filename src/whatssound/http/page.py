"""`/`, `/r/{slug}`, `/about-music` and what they load: the page."""

from typing import Any, Final

from litestar import Request, Response, Router, route
from litestar.params import FromPath

from whatssound.http.files import is_unchanged
from whatssound.http.page_files import BASE, Page, PageFile, based
from whatssound.http.services import UNCOMPRESSED, Given, PageGiven
from whatssound.wire.errors import Refusal

_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss: blob:",  # older Safari does not count ws: as 'self'
        "media-src 'self' blob:",  # MSE
        "img-src 'self' data: blob:",
        "style-src 'self' 'unsafe-inline'",  # the room's colour and the waveform are set in style attributes
        "script-src 'self'",
        "worker-src 'self' blob:",  # hls.js moves its work into one
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_PAGE_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
}

_NOT_BUILT: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<base href="/" />
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">
<title>WhatsSound: the page is not built</title>
<style>
:root { color-scheme: dark light }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem }
code { background: #8883; border-radius: .3em; padding: .15em .4em }
</style>
<h1>The server runs, but its page is not built</h1>
<p>In a checkout, run <code>make run</code>: it builds the page and starts the server again.
An installed package brings the page along; if this one does not, install it anew.</p>
<p>The API works: see <a href="docs">its description</a>.</p>
</html>
"""


@route(
    ["/", "/r/{slug:str}", "/about-music"], http_method=["GET", "HEAD"], media_type="text/html", include_in_schema=False
)
async def page(request: Request[Any, Any, Any], built: PageGiven, given: Given) -> Response[bytes]:
    """The page; which view it shows is its own business."""
    if built.index is None:
        advice = _NOT_BUILT.replace(BASE, based(given.public_path))
        return _sent(request, advice.encode(), "text/html", 503, {"Cache-Control": "no-store", **_PAGE_HEADERS})
    return _send(request, built.index, _PAGE_HEADERS)


@route("/assets/{name:path}", http_method=["GET", "HEAD"], include_in_schema=False)
async def asset(request: Request[Any, Any, Any], name: FromPath[str], built: PageGiven) -> Response[bytes]:
    """Scripts, styles and fonts, under names that change with their content."""
    found = built.files.get(f"assets/{name.lstrip('/')}")
    if found is None:
        raise Refusal("not_found", "There is nothing at this address; reload the page.")
    return _send(request, found)


async def top_file(request: Request[Any, Any, Any], built: PageGiven) -> Response[bytes]:
    """What lies beside the page: icons, the manifest."""
    return _send(request, built.files[request.url.path.lstrip("/")])


def router(built: Page) -> Router:
    """The routes; one for each file that the build put beside the page."""
    handlers: list[Any] = [page, asset]
    beside = [f"/{name}" for name in built.files if "/" not in name and name != "index.html"]
    if beside:
        handlers.append(route(beside, http_method=["GET", "HEAD"], include_in_schema=False)(top_file))
    return Router("/", route_handlers=handlers, opt={UNCOMPRESSED: True})


def _send(request: Request[Any, Any, Any], file: PageFile, extra: dict[str, str] | None = None) -> Response[bytes]:
    headers = {"ETag": f"W/{file.etag}", "Cache-Control": file.cache, "Vary": "Accept-Encoding", **(extra or {})}
    if is_unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    if file.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return _sent(request, file.gzipped, file.media_type, 200, {**headers, "Content-Encoding": "gzip"})
    return _sent(request, file.data, file.media_type, 200, headers)


def _sent(
    request: Request[Any, Any, Any], data: bytes, media_type: str, status: int, headers: dict[str, str]
) -> Response[bytes]:
    said = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    described = {**headers, "Content-Length": str(len(data)), "Content-Type": said}
    return Response(b"" if request.method == "HEAD" else data, status_code=status, headers=described, media_type=said)
