"""Broadcasts that are to be kept: how a channel recognises them, and asks for it."""

from whatssound.gateway.services import Services
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.errors import RealtimeRefusal
from whatssound.realtime.topics import Topic
from whatssound.wire import realtime as wire
from whatssound.wire.errors import Refusal
from whatssound.wire.phoenix import Frame, Json
from whatssound.wire.user_broadcast import UserPush


def asks_to_keep(frame: Frame) -> bool:
    """Whether it may be one; cheap, and `persist_of` says for certain."""
    if isinstance(frame, UserPush):
        return b'"persist"' in frame.metadata
    return frame.event == "broadcast" and b'"persist"' in frame.payload


def persist_of(frame: Frame, topic: Topic) -> wire.Persist | None:
    """What it asks for, if anything. Raises RealtimeRefusal when that is nonsense, or the topic public."""
    persist = wire.read_persist(frame.metadata if isinstance(frame, UserPush) else frame.payload)
    if persist == "invalid":
        raise _refused("invalid", "`persist` is true or {ttl: seconds}")
    if persist is not None and not topic.private:
        raise _refused("invalid", "Only broadcasts of private channels can be kept")
    return persist


async def keep(services: Services, topic: Topic, broadcast: Broadcast, persist: wire.Persist) -> Json:
    """Tell everybody, have it stored, and answer `{"id": …}`. Raises RealtimeRefusal."""
    try:
        return wire.kept_meta(await services.keep(topic, broadcast, persist.ttl_ms))
    except Refusal as refusal:
        raise _refused(refusal.code, refusal.message, refusal.retry_after_ms) from None


def _refused(code: str, message: str, retry_after_ms: int | None = None) -> RealtimeRefusal:
    """With the message as `error`: that is all a program of realtime-js gets to see of it."""
    return RealtimeRefusal(code, message, retry_after_ms=retry_after_ms, error=message)
