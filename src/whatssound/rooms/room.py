"""A room and its rules: what a command or the passing of time makes of it. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from whatssound.ids import RoomId, UserId
from whatssound.rooms import commands, deck, forgetting, members, nonces, queue, reports, transport
from whatssound.rooms import playback as sound
from whatssound.rooms.deck import Deck
from whatssound.rooms.members import Member, Members
from whatssound.rooms.nonces import Nonces
from whatssound.rooms.playback import Playback
from whatssound.rooms.queue import Queue
from whatssound.rooms.reports import Watch
from whatssound.wire import events
from whatssound.wire.errors import Refusal


@dataclass(frozen=True, slots=True)
class Room:
    """One DJ session. `rev` counts its changes; each part carries the `rev` at which it last changed.

    `watch` lives in the owner's memory only.
    """

    id: RoomId
    slug: str
    dj: events.User
    title: str
    settings: events.Settings = field(default_factory=events.Settings)
    ended: bool = False
    rev: int = 1
    room_rev: int = 1
    deck: Deck = field(default_factory=lambda: Deck(playback=Playback(rev=1), queue=Queue(rev=1)))
    members: Members = ()
    nonces: Nonces = ()
    watch: Watch = field(default_factory=Watch)

    @property
    def dj_id(self) -> UserId:
        """Who opened it."""
        return UserId(int(self.dj.id))

    @property
    def playback(self) -> Playback:
        """What sounds."""
        return self.deck.playback

    @property
    def queue(self) -> Queue:
        """What comes next."""
        return self.deck.queue

    def entries_of_nonce(self, user_id: str, nonce: str) -> list[str] | None:
        """The entries that this person's `queue:add` or `queue:add_many` with this nonce made, or None."""
        return nonces.entries_of(self.nonces, user_id, nonce)

    def as_wire(self) -> events.RoomState:
        """The part `room`."""
        return events.RoomState(
            rev=self.room_rev,
            id=str(self.id),
            slug=self.slug,
            title=self.title,
            state="ended" if self.ended else "open",
            settings=self.settings,
            dj=self.dj,
        )


class Part(NamedTuple):
    """A part of a room as it goes to the log, under the key `room:rev:name`."""

    name: str
    event: str
    rev: int
    payload: events.Playback | events.Queue | events.RoomState | events.Member


def caught_up(room: Room, now_ms: float, *, by: Callable[[Deck, float], Deck] = deck.played_on) -> Room:
    """The room as it is at `now_ms` when nobody touches it. `rev`s stay: only `decide` makes new ones.

    `by(deck, at_ms)` plays a deck on; who wants to know what ended on the way gives another.
    `caught_up(caught_up(room, a), b) == caught_up(room, b)` for a ≤ b.
    """
    if room.ended:
        return room
    gone_ms = reports.gone_at_ms(room.playback, room.watch)
    if gone_ms is not None and gone_ms <= now_ms:
        room = _without_device(replace(room, deck=by(room.deck, gone_ms)), gone_ms)
    played = by(room.deck, now_ms)
    return room if played is room.deck else replace(room, deck=played)


def due_ms(room: Room) -> float | None:
    """The server time at which `Tick` will change something, or None."""
    if room.ended:
        return None
    times = (sound.ends_at_ms(room.playback), reports.gone_at_ms(room.playback, room.watch))
    return min((at_ms for at_ms in times if at_ms is not None), default=None)


def decide(room: Room, command: commands.Command, now_ms: float) -> Room:
    """The room after `command` at `now_ms`; the same `rev` when nothing that is kept has changed.

    Raises Refusal: `ended`, `not_found`, `conflict`.
    """
    if room.ended:
        if isinstance(command, commands.Tick | commands.TrackChanged | commands.End):
            return room
        if not isinstance(command, commands.Forget):
            raise Refusal("ended", "This session has ended.")
    decided = _decided(caught_up(room, now_ms), command, now_ms)
    return _stamped(room, caught_up(decided, now_ms))


def parts_of(room: Room) -> list[Part]:
    """Every part, as one who knows nothing needs it."""
    return [_room_part(room), _playback_part(room), _queue_part(room), *map(_member_part, room.members)]


def changed_parts(old: Room, new: Room) -> list[Part]:
    """The parts of `new` that differ from `old`'s: the events that tell of the change."""
    revs = {part.name: part.rev for part in parts_of(old)}
    return [part for part in parts_of(new) if part.rev != revs.get(part.name, 0)]


def _decided(room: Room, command: commands.Command, now_ms: float) -> Room:  # noqa: PLR0911, PLR0912
    match command:
        case commands.Tick():
            return room
        case commands.Play() | commands.Pause() | commands.Seek() | commands.Skip():
            return _transported(room, command, now_ms)
        case commands.Report():
            playback, watch = reports.after_report(room.playback, room.watch, command, now_ms)
            playback = deck.ending_now_or_later(playback, now_ms)
            return replace(room, deck=replace(room.deck, playback=playback), watch=watch)
        case commands.AddEntries():
            return _with_entries(room, command)
        case commands.RemoveEntry(entry_id=entry_id):
            return _with_queue(room, queue.without_entry(room.queue, entry_id))
        case commands.MoveEntry(entry_id=entry_id, before=before):
            return _with_queue(room, queue.moved(room.queue, entry_id, before=_waiting(room, before)))
        case commands.TrackChanged(track=track, failed=failed):
            return _with_track(room, track, failed, now_ms)
        case commands.Mute(user=user, until_ms=until_ms):
            return replace(room, members=members.muted(room.members, user, until_ms, now_ms=now_ms))
        case commands.Ban(user=user, banned=banned):
            return replace(room, members=members.banned(room.members, user, banned, now_ms=now_ms))
        case commands.Appoint(user=user, moderator=moderator):
            return replace(room, members=members.appointed(room.members, user, moderator, now_ms=now_ms))
        case commands.Change(title=title, settings=settings):
            return replace(room, title=title or room.title, settings=settings or room.settings)
        case commands.NameDj(name=name):
            return replace(room, dj=events.User(id=room.dj.id, name=name, role=room.dj.role))
        case commands.Forget(user_id=user_id):
            return replace(
                room,
                dj=forgetting.nameless(room.dj, user_id),
                deck=forgetting.deck_without(room.deck, user_id),
                members=forgetting.members_without(room.members, user_id),
            )
        case commands.End():
            silent = replace(sound.paused(room.playback, at_ms=now_ms), device=None)
            return replace(room, ended=True, deck=replace(room.deck, playback=silent))
        case _:
            assert_never(command)


def _transported(room: Room, command: commands.Transport, now_ms: float) -> Room:
    if transport.is_late(room.deck, command):
        return room
    after = transport.transported(room.deck, command, now_ms)
    return replace(room, deck=after, watch=_watching(room, command.device, now_ms))


def _watching(room: Room, device: str | None, now_ms: float) -> Watch:
    """A transport command is a sign of life, and the drift seen before it says nothing any more."""
    return replace(room.watch, seen_ms=None if device is None else now_ms, drift=0)


def _without_device(room: Room, gone_ms: float) -> Room:
    """The DJ's device is gone: go on from the queue, or pause, as the room says. A deliberate pause stays."""
    led = replace(room.deck, playback=replace(room.playback, device=None))
    if room.settings.when_dj_gone == "pause":
        led = replace(led, playback=sound.paused(led.playback, at_ms=gone_ms))
    elif led.playback.entry is None and led.history:
        led = deck.with_next(led, at_ms=gone_ms, playing=True)
    else:
        led = deck.handed_over(led)
    return replace(room, deck=led, watch=Watch())


def _with_queue(room: Room, changed: Queue) -> Room:
    return replace(room, deck=replace(room.deck, queue=changed))


def _waiting(room: Room, before: str | None) -> str | None:
    """Before the entry that has just begun to sound means first in the queue."""
    if before is None or before != room.playback.entry_id:
        return before
    return room.queue.entries[0].id if room.queue.entries else None


def _with_entries(room: Room, command: commands.AddEntries) -> Room:
    user_id = command.entries[0].added_by.id
    if room.entries_of_nonce(user_id, command.nonce) is not None:
        return room
    changed = queue.with_entries(room.queue, command.entries, before=_waiting(room, command.before))
    ids = [entry.id for entry in command.entries]
    return replace(_with_queue(room, changed), nonces=nonces.with_used(room.nonces, user_id, command.nonce, ids))


def _with_track(room: Room, track: events.Track, failed: bool, now_ms: float) -> Room:
    def of(entry: events.Entry) -> events.Entry | None:
        if entry.track.id != track.id:
            return entry
        return None if failed else events.Entry(id=entry.id, track=track, added_by=entry.added_by)

    return replace(room, deck=deck.with_tracks(room.deck, of, now_ms=now_ms))


def _stamped(old: Room, new: Room) -> Room:
    """`new` under the next `rev`, and that `rev` on each part that differs; `old`'s `rev` when none of it is kept."""
    if replace(new, watch=old.watch) == old:
        return new
    rev = old.rev + 1
    playback, waiting, people = new.playback, new.queue, new.members
    if playback != old.playback:
        playback = replace(playback, rev=rev)
    if waiting != old.queue:
        waiting = replace(waiting, rev=rev)
    if people != old.members:
        known = set(old.members)
        people = tuple(member if member in known else replace(member, rev=rev) for member in people)
    same_room = (old.title, old.settings, old.ended, old.dj) == (new.title, new.settings, new.ended, new.dj)
    return replace(
        new,
        rev=rev,
        room_rev=old.room_rev if same_room else rev,
        deck=replace(new.deck, playback=playback, queue=waiting),
        members=people,
    )


def _room_part(room: Room) -> Part:
    return Part("room", "room", room.room_rev, room.as_wire())


def _playback_part(room: Room) -> Part:
    return Part("playback", "playback", room.playback.rev, room.playback.as_wire())


def _queue_part(room: Room) -> Part:
    return Part("queue", "queue", room.queue.rev, room.queue.as_wire())


def _member_part(member: Member) -> Part:
    return Part(f"member-{member.user_id}", "member", member.rev, member.as_wire())
