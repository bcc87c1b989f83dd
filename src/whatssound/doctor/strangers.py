"""What decides about strangers: the keys whose tokens count, and the policy for realtime topics."""

from collections.abc import Iterator

from whatssound.accounts.trusted_keys import trusted_keys
from whatssound.adapters.key_set import reason_of, source_at
from whatssound.adapters.policy_module import load_policy
from whatssound.config import Config, StartError
from whatssound.doctor.finding import Finding, mend, ok


def keys(config: Config) -> Iterator[Finding]:
    """The key set of `--jwks` is read as a server would."""
    if config.jwks is None:
        return
    try:
        found, _ = trusted_keys(source_at(config.jwks).read())
    except (OSError, ValueError) as problem:
        what = f"The key set {config.jwks} cannot be used: it {reason_of(problem)}."
        yield mend(what, f"Its tokens are refused. {_MEND_KEYS}")
        return
    if found:
        yield ok(f"The key set {config.jwks} can be used")
    else:
        yield mend(f"The key set {config.jwks} holds no key that can be used.", _MEND_KEYS)


_MEND_KEYS = "Mend it, or give another with --jwks."


def policy(config: Config) -> Iterator[Finding]:
    """The callable of `--realtime-policy` is found, and takes what it is given."""
    if config.realtime_policy is None:
        return
    try:
        load_policy(config.realtime_policy)
    except StartError as problem:
        yield mend(
            str(problem), "Its module must be installed beside WhatsSound, or lie in the folder where that is started."
        )
    else:
        yield ok(f"The policy {config.realtime_policy} is there")
