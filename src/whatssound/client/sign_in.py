"""Who this client is to the server: a token that is renewed before it expires."""

import asyncio
from typing import Any, Final, NamedTuple

import msgspec

from whatssound.client.http import Api
from whatssound.client.waits import renew_after_s
from whatssound.wire.bodies import Account, GuestRequest, LoginRequest, RefreshRequest, Tokens
from whatssound.wire.errors import Refusal

_decode_tokens: Final = msgspec.json.Decoder(Tokens).decode


class Login(NamedTuple):
    """A registered person: survives a restart of the program, which a guest does not."""

    name: str
    password: str


class SignIn:
    """Gets tokens and renews them.

    A token that was given is used as it is, and never renewed.
    """

    def __init__(
        self, api: Api, *, token: str | None = None, guest: str | None = None, login: Login | None = None
    ) -> None:
        if sum(given is not None for given in (token, guest, login)) != 1:
            raise ValueError("say who you are: with a token, as a guest, or with a login")
        self._api = api
        self._guest = guest
        self._login = login
        self._fixed = token
        self._tokens: Tokens | None = None
        self._renew_at_s: float | None = None
        self._renewing = asyncio.Lock()

    @property
    def token(self) -> str:
        """The access token; call `open` first."""
        if self._fixed is not None:
            return self._fixed
        if self._tokens is None:
            raise RuntimeError("not signed in yet")
        return self._tokens.access_token

    @property
    def account(self) -> Account | None:
        """Who this is; None for a token that was given."""
        return None if self._tokens is None else self._tokens.user

    async def open(self) -> None:
        """Sign in. Raises Refusal or Unreachable."""
        if self._guest is not None:
            await self._take("/v1/auth/guest", GuestRequest(self._guest))
        elif self._login is not None:
            await self._take("/v1/auth/login", LoginRequest(self._login.name, self._login.password))

    async def renew(self, rejected: str) -> str:
        """Another token than `rejected`, asked for once however many ask at the same time.

        Raises Refusal `unauthorized` when there is none, or Unreachable.
        """
        async with self._renewing:
            if self.token == rejected:
                await self._renewed()
            return self.token

    def due_in_s(self, now_s: float) -> float | None:
        """How long until 80 % of the token's life are over; None for one that cannot be renewed."""
        return None if self._renew_at_s is None else self._renew_at_s - now_s

    async def _renewed(self) -> None:
        if self._tokens is None:
            raise Refusal("unauthorized", "The token has expired or was recalled; get another one.")
        try:
            await self._take("/v1/auth/refresh", RefreshRequest(self._tokens.refresh_token))
        except Refusal as refusal:
            if refusal.code != "unauthorized" or self._login is None:
                raise
            await self.open()

    async def _take(self, path: str, body: Any) -> None:
        self._tokens = tokens = _decode_tokens(await self._api.call("POST", path, body))
        self._renew_at_s = asyncio.get_running_loop().time() + renew_after_s(tokens.expires_in_s)
