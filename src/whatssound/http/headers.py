"""Headers of every response, errors included."""

from typing import Final

from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Content-Length, Content-Range, Accept-Ranges, Retry-After, "
    "x-rate-rolling, x-rate-limit, x-rate-limit-remaining",
}
"""CORS also for requests without Origin: a cached segment may be asked for by another page's player later."""


_ALLOWED: Final = ["authorization", "content-type", "range", "apikey", "x-client-info"]
"""The last two come with every request of Supabase's clients."""


def cors() -> CORSConfig:
    """Anybody's page and player may use the API; there are no cookies that could be misused."""
    return CORSConfig(allow_origins=["*"], allow_headers=_ALLOWED, max_age=86_400)


async def add_headers(message: Message, _scope: Scope) -> None:
    """For `before_send`: put in what no route said itself."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _ALWAYS.items():
        if name not in headers:
            headers[name] = value
