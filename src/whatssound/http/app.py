"""The HTTP application, built from the services it is given."""

from http import HTTPStatus
from typing import Any, Final

from litestar import Litestar, Response, Router
from litestar.config.compression import CompressionConfig
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, YamlRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server

from whatssound import __version__
from whatssound.http import (
    audio,
    auth,
    headers,
    health,
    identity,
    invitations,
    library,
    listeners,
    me,
    messages,
    page,
    plays,
    problems,
    queues,
    realtime,
    rooms,
    server,
    tracks,
)
from whatssound.http.broadcasts import Broadcasts
from whatssound.http.docs_page import PlainPage
from whatssound.http.page_files import load
from whatssound.http.quotas import Quotas
from whatssound.http.rates import SignInRates
from whatssound.http.services import UNCOMPRESSED, Services
from whatssound.wire.errors import Refusal

BODY_BYTES: Final = 256 * 1024
"""Largest JSON body; a room's settings take a few hundred bytes."""

_ABOUT: Final = """Live DJ sessions: one plays, everyone hears the same second of it and talks.

Send `Authorization: Bearer <access token>`; tokens come from `/v1/auth/guest`, `/v1/auth/login` and others beside
them, live an hour, and are renewed by `/v1/auth/refresh`. Ids are strings. Every error has the shape `Problem`; when
it says `retry_after_ms`, the same request may succeed then. What happens live in a room goes over the
socket, not over this."""


_ROUTES: Final = (
    auth,
    me,
    invitations,
    tracks,
    library,
    rooms,
    listeners,
    messages,
    plays,
    queues,
    audio,
    health,
    server,
)


def build_app(given: Services) -> Litestar:
    """The application over `given`. It starts and stops nothing: who built the services owns them."""
    built = load(given.page, public_path=given.public_path)
    routers = [module.router() for module in _ROUTES]
    return Litestar(
        route_handlers=[*routers, realtime.router(_broadcasts(given)), page.router(built)],
        dependencies={
            "given": _same(given),
            "accounts": _same(given.accounts),
            "members": _same(given.members),
            "invitations": _same(given.invitations),
            "departures": _same(given.departures),
            "rooms": _same(given.rooms),
            "messages": _same(given.messages),
            "library": _same(given.library),
            "edge": _same(given.edge),
            "rates": _same(SignInRates(given.limits, now_ms=given.now_ms)),
            "quotas": _same(Quotas(given.people, given.library.used_bytes)),
            "people": _same(given.people),
            "built": _same(built),
            **identity.providers(),
        },
        exception_handlers=problems.exception_handlers(),
        before_send=[headers.add_headers],
        cors_config=headers.cors(),
        compression_config=CompressionConfig(
            "gzip", gzip_compress_level=4, minimum_size=1_400, exclude_opt_key=UNCOMPRESSED
        ),
        request_max_body_size=BODY_BYTES,
        openapi_config=_openapi(given.public_path),
        logging_config=None,
        debug=False,
    )


def _broadcasts(given: Services) -> Broadcasts:
    return Broadcasts(
        access=given.access,
        bus=given.bus,
        kept=given.kept,
        load=given.load,
        rooms=given.rooms,
        accounts=given.accounts,
        limits=given.limits,
        now_ms=given.now_ms,
    )


def _same(value: Any) -> Provide:
    return Provide(lambda: value, use_cache=True, sync_to_thread=False)


def _plain_refusal(response: Response[Any]) -> Response[Any]:
    """The framework has a page of its own for what is not there; ours is the one shape."""
    if response.status_code != HTTPStatus.NOT_FOUND:
        return response
    return problems.answer(Refusal("not_found", "There is nothing at this address; the description is at /docs."))


def _openapi(public_path: str) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="WhatsSound",
        version=__version__,
        description=_ABOUT,
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, after_request=_plain_refusal),
        servers=[Server(url=f"{public_path}/")],
        render_plugins=[PlainPage(public_path), JsonRenderPlugin(), YamlRenderPlugin()],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
    )
