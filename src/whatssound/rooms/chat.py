"""What is said in a room: stored, then told, then answered."""

from typing import Any, NoReturn

import msgspec

from whatssound.accounts.user import User
from whatssound.bus.log import LogPosition, LogUnavailable, RoomLog
from whatssound.ids import MessageId, RoomId
from whatssound.messages.message import Author, Message
from whatssound.messages.service import MessageService
from whatssound.rooms import permissions
from whatssound.rooms.room import Room
from whatssound.rooms.wire_ids import asked_id
from whatssound.wire import commands, events
from whatssound.wire.errors import Refusal
from whatssound.wire.record import encode_record

ChatCommand = commands.ChatSend | commands.ChatEdit | commands.ChatDelete


class Chat:
    """Runs `chat:*` commands. A reply means: it is stored, and every listener is being told.

    A repeated command tells listeners again what is stored: the log knows the key and keeps it once.
    """

    def __init__(self, messages: MessageService, log: RoomLog) -> None:
        self._messages = messages
        self._log = log

    async def run(self, room: Room, actor: User, command: ChatCommand, now_ms: float) -> dict[str, Any]:
        """The reply's response; raises Refusal."""
        match command:
            case commands.ChatSend():
                permissions.may_speak(room, actor, now_ms)
                return await self._send(room, actor, command)
            case commands.ChatEdit():
                permissions.may_speak(room, actor, now_ms)
                return await self._edit(room, actor, command)
            case commands.ChatDelete():
                return await self._delete(room, actor, command)

    async def _send(self, room: Room, actor: User, command: commands.ChatSend) -> dict[str, Any]:
        author = Author(actor.id, actor.name, permissions.role_in(room, actor))
        reply_to = None if command.reply_to is None else MessageId(asked_id(command.reply_to))
        message = await self._messages.send(room.id, author, command.text, nonce=command.nonce, reply_to=reply_to)
        position = await self._told(message)
        return {"id": str(message.id), "seq": position.seq}

    async def _edit(self, room: Room, actor: User, command: commands.ChatEdit) -> dict[str, Any]:
        message = await self._existing(room.id, command.id)
        if message.author.id != actor.id:
            raise Refusal("forbidden", "Only its author can change a message.")
        if message.text != command.text:
            message = await self._messages.edit(room.id, actor.id, message.id, command.text) or _missing()
        return await self._changed(message)

    async def _delete(self, room: Room, actor: User, command: commands.ChatDelete) -> dict[str, Any]:
        permissions.may_take_part(room, actor.id)
        message = await self._existing(room.id, command.id, deleted_too=True)
        permissions.may_delete(room, actor, message.author)
        if not message.deleted:
            message = await self._messages.delete(room.id, message.id) or _missing()
        return await self._changed(message)

    async def _existing(self, room: RoomId, id: str, *, deleted_too: bool = False) -> Message:
        message = await self._messages.get(room, MessageId(asked_id(id)))
        if message is None or (message.deleted and not deleted_too):
            _missing()
        return message

    async def _changed(self, message: Message) -> dict[str, Any]:
        position = await self._told(message)
        return {"id": str(message.id), "edit_rev": message.edit_rev, "seq": position.seq}

    async def _told(self, message: Message) -> LogPosition:
        """The position of the newest event that tells of `message`."""
        if message.edit_rev == 0:
            return await self._append(message, "chat", _chat(message))
        if message.deleted:
            deleted = events.ChatDeleted(id=str(message.id), edit_rev=message.edit_rev)
            return await self._append(message, "chat_deleted", deleted)
        edited = events.ChatEdited(id=str(message.id), edit_rev=message.edit_rev, text=message.text)
        return await self._append(message, "chat_edited", edited)

    async def _append(self, message: Message, name: str, event: msgspec.Struct) -> LogPosition:
        try:
            return await self._log.append(
                message.room, encode_record(name, event), key=f"{message.id}:{message.edit_rev}"
            )
        except LogUnavailable as error:
            raise Refusal("unavailable", "Stored, but not told yet; send it again.", retry_after_ms=1_000) from error


def _chat(message: Message) -> events.Chat:
    wire = message.as_wire()
    return events.Chat(
        id=wire.id, user=wire.user, text=wire.text, at_ms=wire.at_ms, nonce=wire.nonce, reply_to=wire.reply_to
    )


def _missing() -> NoReturn:
    raise Refusal("not_found", "There is no such message.")
