"""What a gateway process and the owner process say to each other, as bytes (msgpack)."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from whatssound.accounts.known import PeopleNews
from whatssound.accounts.user import Identity, User
from whatssound.ids import RoomId, UserId
from whatssound.realtime.broadcast import Broadcast
from whatssound.realtime.topics import Topic
from whatssound.wire.commands import COMMANDS
from whatssound.wire.errors import ERRORS, Refusal

OWNER_TOPIC: Final = "owner"
"""Where the owner answers."""

SEEN_TOPIC: Final = "owner:seen"
"""Where gateways tell whom and what they see; lost, it is told again."""

NEWS_TOPIC: Final = "owner:news"
"""Where the owner tells what changed about people."""


class ViewOf(msgspec.Struct, frozen=True, tag="view"):
    """Answered with RoomView."""

    room: RoomId


class DoorOf(msgspec.Struct, frozen=True, tag="door"):
    """Answered with Door, without its bans by home. Who asks has listeners there: the owner takes the room up."""

    room: RoomId


class PlaybackOf(msgspec.Struct, frozen=True, tag="playback"):
    """Answered with events.Playback."""

    room: RoomId


class Person(msgspec.Struct, frozen=True, tag="person"):
    """Answered with User."""

    identity: Identity


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Answered with the reply's response, JSON. `payload` is that of the command `name`, msgpack."""

    room: RoomId
    identity: Identity
    user: User
    name: str
    payload: bytes
    device: str | None


class Keep(msgspec.Struct, frozen=True, tag="keep"):
    """Answered with the id of the broadcast, text, once it is stored."""

    topic: Topic
    broadcast: Broadcast
    ttl_ms: int | None


class KeptSince(msgspec.Struct, frozen=True, tag="kept"):
    """Answered with KeptPage."""

    topic: Topic
    since_ms: int
    limit: int
    below: str | None


class NewsSince(msgspec.Struct, frozen=True, tag="news"):
    """Answered with News: what came after `number` in `epoch`, or everything."""

    epoch: str
    number: int


Question = ViewOf | DoorOf | PlaybackOf | Person | Run | Keep | KeptSince | NewsSince


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """Somebody took another name or role."""

    user: User


class Recalled(msgspec.Struct, frozen=True, tag="recalled"):
    """Somebody's tokens of up to then do not count any more."""

    user: UserId
    up_to_ms: int


class Concerned(msgspec.Struct, frozen=True, tag="concerned"):
    """Somebody was "kicked", "banned" or "muted", or got another "role"."""

    room: RoomId
    user: UserId
    what: str


Item = Changed | Recalled | Concerned


class Notice(msgspec.Struct, frozen=True):
    """One thing that changed, or with None a sign of life; `number` counts the things within an `epoch`."""

    epoch: str
    number: int
    item: Item | None


class News(msgspec.Struct, frozen=True):
    """What a gateway process has missed: the items up to `number`, or, with `people`, the state they led to."""

    epoch: str
    number: int
    items: list[Item]
    people: PeopleNews | None


class Seen(msgspec.Struct, frozen=True):
    """Who is in which room, from which home, and which rooms' devices are here."""

    visits: list[tuple[RoomId, UserId, str]]
    devices: list[tuple[RoomId, str]]


class No(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Refusal on its way."""

    code: str
    message: str
    retry_after_ms: int | None = None
    details: dict[str, Any] | None = None


encode: Final = msgspec.msgpack.Encoder().encode
decode_question: Final[Callable[[bytes], Question]] = msgspec.msgpack.Decoder(Question).decode
decode_notice: Final = msgspec.msgpack.Decoder(Notice).decode
decode_news: Final = msgspec.msgpack.Decoder(News).decode
decode_seen: Final = msgspec.msgpack.Decoder(Seen).decode
_decode_no: Final = msgspec.msgpack.Decoder(No).decode
_COMMANDS: Final = {name: msgspec.msgpack.Decoder(command).decode for name, command in COMMANDS.items()}
_NAMES: Final = {command: name for name, command in COMMANDS.items()}


def name_of(command: msgspec.Struct) -> str:
    """The name of a command's event. Raises Refusal `unknown_command`."""
    name = _NAMES.get(type(command))
    if name is None:
        raise Refusal("unknown_command", "A room knows no such command.")
    return name


def command_of(asked: Run) -> msgspec.Struct:
    """The command that is to be run. Raises Refusal `unknown_command`: the gateway process is of another version."""
    decode = _COMMANDS.get(asked.name)
    if decode is None:
        raise Refusal("unknown_command", "A room knows no such command.")
    return decode(asked.payload)


def yes(answer: bytes) -> bytes:
    """An answer."""
    return b"+" + answer


def no(refusal: Refusal) -> bytes:
    """A refusal as an answer."""
    return b"-" + encode(No(refusal.code, refusal.message, refusal.retry_after_ms, refusal.details))


def answered(message: bytes) -> bytes:
    """The answer in `message`. Raises the Refusal in it."""
    if message[:1] == b"+":
        return message[1:]
    said = _decode_no(message[1:])
    code = said.code if said.code in ERRORS else "internal"
    raise Refusal(code, said.message, retry_after_ms=said.retry_after_ms, details=said.details)
