"""Saying no to a token, and what exactly is wrong with it. Pure."""

from typing import Final, Literal

from whatssound.wire.errors import Refusal

Problem = Literal["malformed", "claims", "expired", "signature", "signer", "ended"]
"""`signer`: no key is known that could have signed it; `ended`: good, but its sign-in is over."""

_FOR_PEOPLE: Final[dict[Problem, str]] = {
    "expired": "Your sign-in has expired; renew it.",
    "ended": "This sign-in has ended; sign in again.",
}


class TokenRefusal(Refusal):
    """`unauthorized`, with the `problem` for those who write clients.

    `ago_ms` is how long ago an expired token expired, `kid` names the key that is not known.
    """

    def __init__(self, problem: Problem, *, ago_ms: float = 0, kid: str = "") -> None:
        message = _FOR_PEOPLE.get(problem, "This token is not valid here; sign in again.")
        super().__init__("unauthorized", message, details={"expired": True} if problem == "expired" else None)
        self.problem: Final[Problem] = problem
        self.ago_ms = ago_ms
        self.kid = kid
