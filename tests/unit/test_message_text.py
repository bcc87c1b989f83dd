"""What may be said: something that can be seen."""

import pytest

from whatssound.messages.message import checked_text
from whatssound.wire.errors import Refusal


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\x00\x07", "\u200b\u200d", "\u202e", "\u3164", "\ufe0f", "\u2800 \u2800"]
)
def test_what_nobody_would_see_is_not_said(text: str) -> None:
    with pytest.raises(Refusal, match="Write something"):
        checked_text(text)


@pytest.mark.parametrize("text", ["?", "🎧", "❤️", "👩‍🚀", "é", "夜", "a\u200bb", "…"])
def test_what_can_be_seen_is_kept_as_it_is(text: str) -> None:
    assert checked_text(f"  {text}\n") == text
