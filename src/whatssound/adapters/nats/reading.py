"""What the stream holds of a room: read in batches from whichever server is near, checked against its leader."""

import base64
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from nats.aio.msg import Msg

from whatssound.adapters.nats.connection import NatsConnection
from whatssound.adapters.nats.replies import NoResponder, NotConnected, status_of
from whatssound.bus.log import LogPosition, LogUnavailable
from whatssound.ids import RoomId

LEADER_TIMEOUT_S: Final = 2.0

DIRECT_TIMEOUTS_S: Final = (0.5, 1.0, 2.0)
"""A server that hangs is still asked by chance, one time in three; the next try mostly meets another one."""

BATCH_EVENTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
"""One batch: large enough for a resume in one piece, small enough that live events are not held up behind it."""


class Stored(msgspec.Struct, frozen=True):
    """One event as the stream keeps it. `id` is what its sender named it by."""

    subject: str
    seq: int
    id: str
    data: bytes

    @property
    def room(self) -> RoomId:
        """Whose event it is. Raises ValueError for a subject that is no room's."""
        return RoomId(int(self.subject.rpartition(".")[2]))

    @property
    def key(self) -> str:
        """What its room's log knows it by."""
        return self.id.split(".", 2)[-1]

    def position(self, epoch: str) -> LogPosition:
        """Its place in its room's log, in that life of it."""
        return LogPosition(epoch, self.seq, self.key)


class Newest(NamedTuple):
    """The newest events of some subjects, as a server knows them that has looked at the stream up to `up_to_seq`."""

    events: list[Stored]
    up_to_seq: int
    """0 where none of the subjects has an event: then the server does not say."""


class _Message(msgspec.Struct):
    subject: str
    seq: int
    hdrs: str = ""


class _Error(msgspec.Struct):
    code: int = 0
    description: str = ""


class _MessageAnswer(msgspec.Struct):
    message: _Message | None = None
    error: _Error | None = None


class StreamReader:
    """Reads of one stream."""

    def __init__(self, connection: NatsConnection, stream: str) -> None:
        self._connection = connection
        self._stream = stream

    async def newest(self, subject: str) -> Stored | None:
        """The leader's word on the newest event of `subject`, without its data. Raises LogUnavailable."""
        return await self._at_leader({"last_by_subj": subject})

    async def at(self, seq: int) -> Stored | None:
        """The leader's word on the event `seq`, without its data. Raises LogUnavailable."""
        return await self._at_leader({"seq": seq})

    async def batch(self, subject: str, first_seq: int) -> list[Stored]:
        """Some events of `subject` from `first_seq` on, oldest first, as a server that may lag knows them.

        Raises LogUnavailable when they do not arrive whole.
        """
        body = {"seq": first_seq, "next_by_subj": subject, "batch": BATCH_EVENTS, "max_bytes": BATCH_BYTES}
        return (await self._direct(body))[0]

    async def newest_of(self, subjects: Sequence[str], *, after_seq: int = 0) -> Newest:
        """The newest event of each of `subjects`, 1,000 at most, as a server that may lag knows them.

        Those up to `after_seq` are left out, which costs next to nothing. Raises LogUnavailable.
        """
        body: dict[str, Any] = {
            "multi_last": list(subjects),
            "seq": after_seq + 1,
            "batch": len(subjects),
            "max_bytes": BATCH_BYTES,
        }
        found: list[Stored] = []
        while True:
            some, end = await self._direct(body)
            found += some
            up_to_seq = int(end.get("Nats-UpTo-Sequence", "0"))
            if not some or end.get("Nats-Num-Pending", "0") == "0":
                return Newest(found, body.get("up_to_seq", up_to_seq))
            body |= {"seq": some[-1].seq + 1, "up_to_seq": up_to_seq}

    async def _at_leader(self, body: dict[str, Any]) -> Stored | None:
        subject = f"$JS.API.STREAM.MSG.GET.{self._stream}"
        try:
            reply = await self._connection.request(subject, msgspec.json.encode(body), timeout_s=LEADER_TIMEOUT_S)
            answer = msgspec.json.decode(reply.data, type=_MessageAnswer)
        except (NotConnected, NoResponder, TimeoutError, msgspec.MsgspecError) as problem:
            raise LogUnavailable(f"the stream's leader does not answer: {problem!r}") from problem
        if answer.message is not None:
            found = answer.message
            return Stored(found.subject, found.seq, _id_in(base64.b64decode(found.hdrs)), b"")
        if answer.error is not None and answer.error.code == 404:
            return None
        raise LogUnavailable(f"the stream's leader says: {answer.error}")

    async def _direct(self, body: dict[str, Any]) -> tuple[list[Stored], dict[str, str]]:
        *messages, end = await self._asked(msgspec.json.encode(body))
        status = status_of(end)
        if status == "404":
            return [], {}
        if status != "204":
            raise LogUnavailable(f"the stream's events cannot be read: {status}")
        return _linked(messages), end.headers or {}

    async def _asked(self, question: bytes) -> list[Msg]:
        for timeout_s in DIRECT_TIMEOUTS_S:
            try:
                return await self._connection.request_many(
                    f"$JS.API.DIRECT.GET.{self._stream}", question, timeout_s=timeout_s
                )
            except (NotConnected, NoResponder) as problem:
                raise LogUnavailable(f"the stream's events cannot be read: {problem!r}") from problem
            except TimeoutError:
                continue
        raise LogUnavailable("the stream's events cannot be read: no answer")


def stored(message: Msg) -> Stored:
    """The event in a message that the server republished or answered with. Raises KeyError for any other."""
    headers = message.headers or {}
    return Stored(headers["Nats-Subject"], int(headers["Nats-Sequence"]), headers.get("Nats-Msg-Id", ""), message.data)


def _linked(messages: Sequence[Msg]) -> list[Stored]:
    """The events of a batch; each names the one before it, so one that was lost on the way is noticed."""
    events: list[Stored] = []
    for message in messages:
        before = int((message.headers or {}).get("Nats-Last-Sequence", "0"))
        if before != (events[-1].seq if events else 0):
            raise LogUnavailable("a part of the stream's events was lost on the way")
        events.append(stored(message))
    return events


def _id_in(headers: bytes) -> str:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"Nats-Msg-Id":
            return value.strip().decode()
    return ""
