"""Saying no on a realtime topic: a Refusal whose reason is the text that Supabase's clients know."""

from typing import Any

from whatssound.wire.errors import Refusal


class RealtimeRefusal(Refusal):
    """`reason` is what the original says, such as `Unauthorized: You do not have permissions …`."""

    def __init__(self, code: str, reason: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(code, reason, retry_after_ms=retry_after_ms)
        self.reason = reason

    def as_reply(self) -> dict[str, Any]:
        """The original's `reason` and nothing else: realtime-js shows people all values of a refusal in a row."""
        return {"reason": self.reason}
