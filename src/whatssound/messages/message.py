"""What a chat message is, and the rules of its text. Pure."""

import unicodedata
from dataclasses import dataclass

from whatssound.ids import MessageId, RoomId, UserId, ms_of
from whatssound.wire import events
from whatssound.wire.errors import Refusal

MAX_CHARACTERS = 2_000
"""Discord's limit."""


_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Hangul fillers and the empty Braille cell."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who said it, as they were called when they said it; without a name, somebody who has deleted their account."""

    id: UserId
    name: str
    role: events.RoomRole


@dataclass(frozen=True, slots=True)
class Message:
    """A chat message. `edit_rev` counts edits; a deleted message keeps its id and has an empty text."""

    room: RoomId
    id: MessageId
    author: Author
    text: str
    nonce: str
    reply_to: MessageId | None = None
    edit_rev: int = 0
    deleted: bool = False

    @property
    def at_ms(self) -> int:
        """When it was said: the id's own time, Unix ms."""
        return ms_of(self.id)

    def as_wire(self) -> events.Message:
        """The message as history and the join reply show it."""
        return events.Message(
            id=str(self.id),
            user=events.User(id=str(self.author.id), name=self.author.name, role=self.author.role),
            text=self.text,
            at_ms=self.at_ms,
            nonce=self.nonce,
            reply_to=None if self.reply_to is None else str(self.reply_to),
            edit_rev=self.edit_rev,
            deleted=self.deleted,
        )


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing: blanks, joiners, lone marks, and the letters that Unicode leaves empty."""
    return all(c in _BLANK_LETTERS or unicodedata.category(c)[0] in "CMZ" for c in text)


def checked_text(text: str) -> str:
    """`text` as it is stored: outer blanks and control characters gone.

    Raises Refusal `invalid` when nothing is left to be seen and `too_large` over 2,000 characters.
    """
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs")).strip()
    if is_blank(kept):
        raise Refusal("invalid", "Write something before you send it.")
    if len(kept) > MAX_CHARACTERS:
        raise Refusal(
            "too_large",
            f"A message holds at most {MAX_CHARACTERS:,} characters; this one has {len(kept):,}.",
            details={"limit": MAX_CHARACTERS, "characters": len(kept)},
        )
    return kept
