"""Keys of others whose tokens are taken: a JSON Web Key Set, each key bound to the algorithms that are its own."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import msgspec
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key

MAX_KEYS: Final = 100
"""More than any issuer publishes at once; Supabase Auth and the like have two or three."""

LEAST_RSA_BITS: Final = 2_048
"""RFC 7518 §3.3."""

_HMAC: Final = ("HS256", "HS384", "HS512")
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final[Mapping[str, tuple[str, ...]]] = {
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA", "Ed25519"),
    "Ed448": ("EdDSA", "Ed448"),
}

TrustedKeys = Mapping[tuple[str, str], Key]
"""A key by its `kid` and an algorithm it may be used with. What is not here verifies nothing."""


def trusted_keys(jwks: bytes) -> tuple[TrustedKeys, list[str]]:
    """The keys of a JSON Web Key Set, and why others in it are left out.

    Left out is what is not for signatures, has no `kid`, or is too weak. Raises ValueError, with a reason that
    completes "it …", for what is no key set.
    """
    try:
        said = msgspec.json.decode(jwks)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("is no JSON") from None
    listed = cast("dict[str, Any]", said).get("keys") if isinstance(said, dict) else None
    if not isinstance(listed, list):
        raise ValueError('is no JSON Web Key Set: that is {"keys": […]}')
    items = cast("list[Any]", listed)
    if len(items) > MAX_KEYS:
        raise ValueError(f"has {len(items)} keys; at most {MAX_KEYS} are taken")
    keys: dict[tuple[str, str], Key] = {}
    left_out: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            for name, key in _of(item):
                keys.setdefault(name, key)
        except ValueError as problem:
            left_out.append(f"key {number} {problem}")
    return keys, left_out


def _of(item: Any) -> Iterable[tuple[tuple[str, str], Key]]:
    """One key under each of its names. Raises ValueError."""
    if not isinstance(item, dict):
        raise ValueError("is no object")
    said = cast("dict[str, Any]", item)
    kid, alone = said.get("kid"), said.get("alg")
    if not isinstance(kid, str) or not kid:
        raise ValueError("has no kid")
    operations = said.get("key_ops", ["verify"])
    if said.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("is not for signatures")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # what is too weak is left out below
            key = import_key(said)
    except (JoseError, ValueError, TypeError, KeyError) as problem:
        raise ValueError("cannot be read") from problem
    allowed = [name for name in _algorithms(key) if alone in (None, name)]
    if not allowed:
        raise ValueError("is of no kind that is known, or too weak")
    return [((kid, name), key) for name in allowed]


def _algorithms(key: Key) -> tuple[str, ...]:
    match key:
        case OctKey():
            return _HMAC if len(key.raw_value) >= 32 else ()
        case RSAKey():
            return _RSA if key.public_key.key_size >= LEAST_RSA_BITS else ()
        case ECKey() | OKPKey():
            return _CURVES.get(key.curve_name, ())
