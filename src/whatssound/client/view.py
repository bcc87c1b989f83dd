"""A room as it is known here: a snapshot, kept up to date by its events. Pure.

Parts carry a `rev` and only a newer one counts, so late and repeated events are harmless.
"""

from typing import Final

from msgspec.structs import replace

from whatssound.client.happenings import JoinReply, RoomEvent
from whatssound.wire import events

KEPT_MESSAGES: Final = 200
"""The newest messages that are kept; older ones are asked for with `Room.history`."""


class RoomView:
    """The parts of one room, and its newest messages by id."""

    def __init__(self, reply: JoinReply) -> None:
        self._take_snapshot(reply)

    def rejoined(self, reply: JoinReply, missed: list[RoomEvent] | None) -> None:
        """Go on from what a later join answered: with the events in between, or from its snapshot."""
        if missed is None:
            self._take_snapshot(reply)
            return
        # The snapshot is at least as new as the events; only the chat needs them.
        for event in (*missed, reply.room, reply.playback, reply.queue):
            self.apply(event)
        self.listeners = reply.listeners
        self.me = reply.me

    def _take_snapshot(self, reply: JoinReply) -> None:
        self.room = reply.room
        self.playback = reply.playback
        self.queue = reply.queue
        self.listeners = reply.listeners
        self.me = reply.me
        self._messages = {message.id: message for message in reversed(reply.messages)}

    @property
    def messages(self) -> list[events.Message]:
        """The newest messages, oldest first."""
        return sorted(self._messages.values(), key=lambda message: int(message.id))

    def apply(self, event: RoomEvent) -> None:
        """Take one event in."""
        match event:
            case events.Chat():
                self._said(event)
            case events.ChatEdited():
                self._changed(event.id, event.edit_rev, event.text, deleted=False)
            case events.ChatDeleted():
                self._changed(event.id, event.edit_rev, "", deleted=True)
            case events.Playback() if event.rev > self.playback.rev:
                self.playback = event
            case events.Queue() if event.rev > self.queue.rev:
                self.queue = event
            case events.RoomState() if event.rev > self.room.rev:
                self.room = event
            case events.Member() if self.me is not None and event.user.id == self.me.user.id:
                self.me = event
            case events.Listeners():
                self.listeners = event.count
            case _:
                pass

    def _said(self, chat: events.Chat) -> None:
        if chat.id in self._messages:
            return
        self._messages[chat.id] = events.Message(
            id=chat.id, user=chat.user, text=chat.text, at_ms=chat.at_ms, nonce=chat.nonce, reply_to=chat.reply_to
        )
        if len(self._messages) > KEPT_MESSAGES:
            del self._messages[min(self._messages, key=int)]

    def _changed(self, id: str, edit_rev: int, text: str, *, deleted: bool) -> None:
        message = self._messages.get(id)
        if message is not None and edit_rev > message.edit_rev:
            self._messages[id] = replace(message, text=text, edit_rev=edit_rev, deleted=deleted)
