"""Ids as clients spell them. Pure."""

from whatssound.ids import parse_id
from whatssound.wire.errors import Refusal


def asked_id(text: str) -> int:
    """The id that `text` spells; Refusal `invalid` when it spells none."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise Refusal("invalid", "That is not an id.") from error
