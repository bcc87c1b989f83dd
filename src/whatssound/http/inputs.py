"""What comes in path and query, checked."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from whatssound.ids import parse_id
from whatssound.wire.errors import Refusal

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="How many at most.")]
Query = Annotated[str | None, QueryParameter(max_length=200, description="Words to find; the last may be unfinished.")]
ArtistName = Annotated[str | None, QueryParameter(max_length=300, description="An artist's `name`.")]
Cursor = Annotated[str | None, QueryParameter(max_length=2_000, description="`next` of the page before.")]
IdText = Annotated[str, PathParameter(pattern=r"^[0-9]{1,19}$", description="An id.")]
IdOrSlug = Annotated[str, PathParameter(max_length=80, description="A room's id or its slug.")]


def id_of(text: str, what: str) -> int:
    """The id that `text` spells. Raises Refusal `invalid`, naming `what` it should have been the id of."""
    try:
        return parse_id(text)
    except ValueError as error:
        raise Refusal("invalid", f"{text[:40]!r} is not the id of a {what}; ids are 1 to 19 digits.") from error
