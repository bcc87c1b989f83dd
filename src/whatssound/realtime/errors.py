"""Saying no on a realtime topic: a Refusal whose reason is the text that Supabase's clients know."""

from typing import Any

from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Frame
from whatssound.wire.realtime import PREFIX


class RealtimeRefusal(Refusal):
    """`reason` is what the original says, such as `Unauthorized: You do not have permissions …`.

    `error` is what a client's `send()` returns. With `ends_socket` the whole socket is closed after it (1001), with
    `ends_topic` all channels of this process that are on the topic.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        *,
        retry_after_ms: int | None = None,
        error: str | None = None,
        ends_socket: bool = False,
        ends_topic: bool = False,
    ) -> None:
        super().__init__(code, reason, retry_after_ms=retry_after_ms)
        self.reason = reason
        self.error = error or code
        self.ends_socket = ends_socket
        self.ends_topic = ends_topic

    def as_reply(self) -> dict[str, Any]:
        """The body plus the original's `reason` and `error`."""
        return {**self.as_body(), "reason": self.reason, "error": self.error}


def reply_on(frame: Frame, refusal: Refusal) -> dict[str, Any]:
    """The response of the error reply to `frame`; on a realtime topic with an `error` beside the `reason`.

    A join there is refused with its reason alone: realtime-js shows people all values of that answer in a row.
    """
    reply = refusal.as_reply()
    if not frame.topic.startswith(PREFIX):
        return reply
    if frame.event == "phx_join":
        return {"reason": refusal.reason if isinstance(refusal, RealtimeRefusal) else refusal.message}
    return {"error": refusal.code, **reply}
