"""The job of a composing child: synthesise a demo piece and write it as FLAC."""

from typing import Any

from whatssound.adapters.media.child import Tell


def compose(job: dict[str, Any], tell: Tell) -> None:
    raise NotImplementedError
