"""What a setting may be: its text as a value, or a ValueError that says what is allowed. Pure."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from whatssound.addresses import Proxies
from whatssound.config.sizes import bytes_of

OUR_PATHS: Final = frozenset(
    ("v1", "r", "api", "about-music", "assets", "audio", "socket", "realtime", "docs", "healthz", "readyz", "metrics")
)
"""What our own addresses begin with; a sub-path of that name could not be told from them."""

MOST_WORKERS: Final = 64
"""More processes than that serve nobody: the one that owns the files would be the limit long before."""

LEAST_KEY: Final = 20
"""Characters of a publishable key of somebody's own making: so few that others might guess are none."""

_PATH: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_KEY: Final = re.compile(r"[A-Za-z0-9._~-]+")
_CALLABLE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def whole(text: str, *, least: int = 1, most: int = 2**53 - 1) -> int:
    """A whole number."""
    digits = text.strip().replace("_", "")
    if not re.fullmatch(r"-?\d{1,16}", digits, re.ASCII) or not least <= int(digits) <= most:
        allowed = "a positive whole number" if (least, most) == (1, 2**53 - 1) else f"a number from {least} to {most:,}"
        raise ValueError(f"{text!r} must be {allowed}")
    return int(digits)


def positive(text: str, *, or_0: bool = False) -> float:
    """A positive number, or 0 where that means none."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (0 < value < 2**53 or (or_0 and value == 0)):
        raise ValueError(f"{text!r} must be a positive number{' or 0' if or_0 else ''}")
    return value


def public_url(text: str) -> str | None:
    """An address that others reach us at, without a slash at its end; None for an empty text."""
    if not text.strip():
        return None
    parts = urlsplit(text.strip())
    wrong = f"{text!r} must be like https://example.org or https://example.org/music"
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError(wrong)
    if not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise ValueError(f"{wrong}: letters, digits, dots, dashes and slashes in its path")
    first = parts.path.strip("/").partition("/")[0]
    if first in OUR_PATHS:
        raise ValueError(f"{text!r} begins with /{first}, which is an address of ours; choose another path")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def proxies(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses and networks, each of `texts` one or several with commas between them."""
    found = tuple(part.strip() for text in texts for part in text.split(",") if part.strip())
    Proxies.of(found)
    return found


def nats(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Addresses of NATS servers, each of `texts` one or several with commas between them."""
    found = tuple(part.strip() for text in texts for part in text.split(",") if part.strip())
    for url in found:
        parts = urlsplit(url)
        if parts.scheme not in ("nats", "tls") or not parts.hostname:
            raise ValueError(f"{_without_secret(url)!r} must be like nats://127.0.0.1:4222 or tls://nats.example.org")
    return found


def publishable_keys(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Keys that may stand in a page, each of `texts` one or several with commas between them."""
    found = tuple(part.strip() for text in texts for part in text.split(",") if part.strip())
    for key in found:
        if key.startswith("sb_secret_") or key.count(".") == 2:
            raise ValueError("a publishable key is for everybody to see: this looks like a secret key or a token")
        if not _KEY.fullmatch(key) or (len(key) < LEAST_KEY and not key.startswith("sb_publishable_")):
            raise ValueError(f"{key!r} must begin with sb_publishable_ or have {LEAST_KEY} letters, digits or -._~")
    return found


def jwks(text: str) -> str | None:
    """The path or the address of a key set; None for an empty text."""
    text = text.strip()
    if "://" not in text:
        return str(Path(text).expanduser().absolute()) if text else None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError(f"{_without_secret(text)!r} must be a file or like https://example.org/.well-known/jwks.json")
    return text


def realtime_policy(text: str) -> str | None:
    """Where a policy is; None for an empty text."""
    text = text.strip()
    if text and not _CALLABLE.fullmatch(text):
        raise ValueError(f"{text!r} must be like package.module:callable")
    return text or None


def _without_secret(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]


def workers(text: str) -> int | Literal["auto"]:
    """A number of processes, or `auto`."""
    if text.strip().lower() == "auto":
        return "auto"
    try:
        return whole(text, most=MOST_WORKERS)
    except ValueError:
        raise ValueError(f"{text!r} must be a number from 1 to {MOST_WORKERS}, or auto") from None


def setting(name: str, kind: type, text: str) -> object:
    """The value of the setting `name` of this kind, where numbers, sizes and addresses have rules of their own.

    Raises ValueError that says what is allowed, and KeyError for a kind that has no rules here.
    """
    if kind is int and name.endswith(("_bytes", "_size", "quota")):
        return bytes_of(text)
    return _RULES[name if name in _RULES else getattr(kind, "__name__", "")](text)


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"{text!r} must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


LISTS: Final[Mapping[str, Callable[[tuple[str, ...]], tuple[str, ...]]]] = {
    "trusted_proxy": proxies,
    "nats": nats,
    "publishable_key": publishable_keys,
}
"""The settings that may be given several times and have rules of their own, as they are called."""

_RULES: Final[Mapping[str, Callable[[str], object]]] = {
    "port": lambda text: whole(text, least=0, most=65_535),
    "encoder_nice": lambda text: whole(text, least=0, most=19),
    "presence_grace_s": lambda text: positive(text, or_0=True),
    "realtime_events_per_second": lambda text: whole(text, least=0),
    "realtime_joins_per_second": lambda text: whole(text, least=0),
    "realtime_bytes_per_second": lambda text: whole(text, least=0),
    "realtime_users": lambda text: whole(text, least=0),
    "public_url": public_url,
    "jwt_secret": lambda text: text or None,
    "jwks": jwks,
    "realtime_policy": realtime_policy,
    "log": _level,
    "workers": workers,
    "int": whole,
    "float": positive,
}
