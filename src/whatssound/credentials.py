"""What every process takes for a good token: this server's own, those of a key set, and publishable keys."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from whatssound.accounts.tokens import AccessTokens
from whatssound.adapters.key_set import KeySet
from whatssound.adapters.secret_file import Secret
from whatssound.adapters.statistics_metrics import StatisticsCollector
from whatssound.config import Config


def access_tokens(config: Config, secret: Secret, *, now_ms: Callable[[], float]) -> AccessTokens:
    """Tokens as this server issues and takes them; those of a key set once it is followed."""
    return AccessTokens(secret.derive("jwt"), now_ms=now_ms, publishable=publishable_keys(config, secret))


def publishable_keys(config: Config, secret: Secret) -> tuple[str, ...]:
    """The API keys that may stand in a page: those of the settings, else the data folder's own."""
    return config.publishable_keys or (secret.publishable_key(),)


@asynccontextmanager
async def key_set_followed(config: Config, tokens: AccessTokens, registry: CollectorRegistry) -> AsyncGenerator[None]:
    """While entered, tokens by the keys of `config.jwks` are taken, if there is one. Raises StartError."""
    if config.jwks is None:
        yield
        return
    followed = KeySet.of(config.jwks, tokens.trust)
    tokens.on_unknown_key(followed.unknown_key)
    registry.register(StatisticsCollector("key_set", followed.statistics))
    async with followed:
        yield
