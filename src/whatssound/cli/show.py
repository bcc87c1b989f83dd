"""The settings as they are in effect, as a file that could be one's own."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, cast

from whatssound.cli.settings import option_of
from whatssound.config import Config, EncoderLimits
from whatssound.config.sizes import size_text

_SECRET: Final = ("jwt-secret",)


def leaves(tree: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a tree by its option's name, with its value."""
    for each in fields(tree):  # pyright: ignore[reportArgumentType]
        value = getattr(tree, each.name)
        if is_dataclass(value):
            yield from leaves(value, "encoder-" if isinstance(value, EncoderLimits) else "")
        else:
            yield f"{prefix}{option_of(each.name)}", value


def shown(config: Config, said: Mapping[str, str]) -> str:
    """Lines of TOML, each with where its value comes from; `said` is by option. Secrets are left out."""
    lines = [
        (_line(option, value), said.get(f"--{option}", "default"))
        for option, value in leaves(config)
        if option != "config"
    ]
    width = min(max(len(line) for line, _ in lines), 44)
    return "\n".join(f"{line:<{width}}  # {origin}" for line, origin in lines)


def _line(option: str, value: Any) -> str:
    if (option in _SECRET and value is not None) or (option == "nats" and "@" in str(value)):
        return f"# {option} = (hidden)"
    return f"# {option} =" if value is None else f"{option} = {as_toml(option, value)}"


def as_toml(option: str, value: Any) -> str:
    """The value as a file of settings has it."""
    match value:
        case bool():
            return str(value).lower()
        case int() if is_size(option):
            return json.dumps(size_text(value))
        case int() | float():
            return str(value)
        case tuple():
            texts = cast(tuple[object, ...], value)
            return f"[{', '.join(json.dumps(str(each), ensure_ascii=False) for each in texts)}]"
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False)
        case _:
            raise TypeError(f"{option} has a value of no known kind: {value!r}")


def is_size(option: str) -> bool:
    """Whether a setting is a number of bytes."""
    return option.endswith(("-bytes", "-size", "quota"))
