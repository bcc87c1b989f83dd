"""Whether a token was signed by somebody whose word counts here, and by whom."""

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import unquote

import msgspec
from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import Key, OctKey
from msgspec import Meta

from whatssound.accounts.token_refusal import TokenRefusal
from whatssound.accounts.trusted_keys import TrustedKeys

HMAC: Final = ("HS256", "HS384", "HS512")

ALGORITHMS: Final = (
    *HMAC, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448"
)  # fmt: skip

SHOWN_KID: Final = 64
"""Characters of a foreign key's name that are repeated to whoever sent it."""


class Header(msgspec.Struct, frozen=True):
    """As much of a token's header as chooses the key; the rest is joserfc's to judge."""

    alg: str
    kid: Annotated[str, Meta(max_length=256)] | None = None


class Signed(NamedTuple):
    """What a token with a good signature says."""

    claims: dict[str, Any]
    ours: bool
    """Signed with this server's own secret, not by a key of others."""


class _OneAlgorithm(jws.JWSRegistry):
    """Lets one algorithm through and headers that joserfc does not know, as long as they are not critical."""

    def __init__(self, name: str) -> None:
        super().__init__(algorithms=[name], strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        # joserfc's own warns at every EdDSA, whose name RFC 9864 retired and every issuer uses.
        if self.allowed is None or name not in self.allowed:
            raise TokenRefusal("signer")
        return self.algorithms[name]


_REGISTRIES: Final = {name: _OneAlgorithm(name) for name in ALGORITHMS}
_read_header: Final = msgspec.json.Decoder(Header).decode
_read_claims: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Signatures:
    """Checks signatures: with this server's secret, or with the trusted key that a token names.

    The key decides the algorithm, never the token alone: a trusted key is found by its `kid` and one of the algorithms
    of its own kind, and everything that is not HMAC needs such a key. HMAC with an unknown `kid` is checked with the
    secret.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = OctKey.import_key(secret)
        self._trusted: TrustedKeys = {}
        self._on_unknown: Callable[[], None] = lambda: None

    def trust(self, keys: TrustedKeys) -> None:
        """Take tokens by these keys from now on, and by no others but the secret."""
        self._trusted = keys

    def on_unknown(self, callback: Callable[[], None]) -> None:
        """Call `callback` when a token names a key that is not known; anybody can make that happen, at any rate."""
        self._on_unknown = callback

    def read(self, token: str) -> Signed:
        """What `token` says; URL-encoding and white space are taken off first. Raises TokenRefusal."""
        token = unquote("".join(token.split()))
        header = _header(token)
        key = self._trusted.get((header.kid, header.alg)) if header.kid is not None else None
        if key is not None:
            return Signed(_claims(token, key, header.alg), ours=False)
        if header.alg in HMAC:
            return Signed(_claims(token, self._secret, header.alg), ours=True)
        if header.alg in ALGORITHMS and header.kid is not None:
            self._on_unknown()
        raise TokenRefusal("signer", kid=(header.kid or "")[:SHOWN_KID])


def _header(token: str) -> Header:
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenRefusal("malformed")
    try:
        return _read_header(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError):
        raise TokenRefusal("malformed") from None


def _claims(token: str, key: Key, algorithm: str) -> dict[str, Any]:
    """What stands in a token that `key` signed. Raises TokenRefusal."""
    try:
        payload = jws.deserialize_compact(token, key, registry=_REGISTRIES[algorithm]).payload
        return _read_claims(payload or b"")
    except BadSignatureError:
        raise TokenRefusal("signature") from None
    except (JoseError, ValueError, TypeError, msgspec.MsgspecError, RecursionError):
        raise TokenRefusal("malformed") from None
