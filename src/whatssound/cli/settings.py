"""The tree of settings as options, variables and keys of a file: one name each, spelled three ways."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, cast

from cyclopts import App, ArgumentCollection, Parameter, Token, convert
from cyclopts.config import Dict, Env

from whatssound.config import Config, EncoderLimits, Limits, People, StartError, values
from whatssound.config.sizes import size_text
from whatssound.config.tree import default_data

FILE_NAME: Final = "whatssound.toml"

VARIABLE: Final = "WHATSSOUND_"

_NAMES: Final = {
    "file": "config",
    "libraries": "library",
    "trusted_proxies": "trusted-proxy",
    "publishable_keys": "publishable-key",
    "cache_bytes": "cache-size",
    "quota_bytes": "quota",
}
"""What people call a setting, where the tree has the unit or the plural in its name."""


def option_of(name: str) -> str:
    """How a field of the tree is called on the command line, without the dashes."""
    return _NAMES.get(name, name.replace("_", "-"))


# One flat name space. It is laid over the tree here, so that the tree knows nothing of command lines.
Parameter(name="*", group="Limits")(Limits)
Parameter(name="*", group="People")(People)
Parameter(name="*", group="Encoder", name_transform=lambda name: f"encoder-{option_of(name)}")(EncoderLimits)

Settings = Annotated[Config, Parameter(name="*")]
"""For a command's parameter: every setting."""

QuietSettings = Annotated[Config, Parameter(name="*", show=False)]
"""Every setting, left out of the command's help."""


def _value(kind: Any, tokens: Sequence[Token]) -> Any:
    """The value of what was said, by the rules of `config.values`; the rest as cyclopts reads it."""
    try:
        return _read(kind, tokens)
    except ValueError as problem:
        # cyclopts names the option, the variable or the key, but not the file
        where = "" if tokens[0].source in ("cli", "env") else f" (in {tokens[0].source})"
        raise ValueError(f"{problem}{where}") from problem


def _read(kind: Any, tokens: Sequence[Token]) -> Any:
    name, texts = _setting(tokens[0]), tuple(token.value for token in tokens)
    if name in values.LISTS:
        return values.LISTS[name](texts)
    if kind == tuple[Path, ...]:
        return tuple(_path(text) for text in texts)
    if kind is Path:
        return _path(texts[-1])
    try:
        return values.setting(name, kind, texts[-1])
    except KeyError:
        return cast(Any, convert)(kind, tokens)


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _setting(token: Token) -> str:
    """The setting that `--cache-size`, `WHATSSOUND_CACHE_SIZE` and `[cache-size]` are for."""
    return (token.keyword or "").strip("-[]").removeprefix(VARIABLE).replace("-", "_").lower()


def _shown_default(value: Any) -> Any:
    """Sizes with their unit; no other number in the tree is as large as the smallest of them."""
    return size_text(value) if type(value) is int and value >= 2**14 else value


DEFAULTS: Final = Parameter(name_transform=option_of, converter=_value, show_default=_shown_default, negative="")


class File:
    """Reads the file with settings: the one that was named, else one in the data folder, else one here."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Lay what the file says under what was said already. Raises StartError for a file that cannot be read."""
        found = _file(arguments)
        if found is None:
            return
        try:
            read = tomllib.loads(found.read_text())
        except OSError as problem:
            raise StartError(f"The settings in {found} cannot be read: {problem.strerror}.") from problem
        except ValueError as problem:
            raise StartError(f"{found} is no TOML: {problem}.") from problem
        Dict(read, source=str(found), use_commands_as_keys=False)(app, commands, arguments)


def _file(arguments: ArgumentCollection) -> Path | None:
    said = {argument.name: argument.tokens[-1].value for argument in arguments if argument.tokens}
    if named := said.get("--config"):
        return Path(named).expanduser()
    folders = (Path(said.get("--data") or default_data()).expanduser(), Path.cwd())
    return next((file for folder in folders if (file := folder / FILE_NAME).is_file()), None)


class Origins:
    """Where the value of each setting comes from, for `whatssound config`."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Remember who said what; to be asked last."""
        del app, commands
        self.said = {argument.name: _origin(argument.tokens[-1]) for argument in arguments if argument.tokens}


def _origin(token: Token) -> str:
    match token.source:
        case "cli":
            return "command line"
        case "env":
            return token.keyword or "environment"
        case file:
            return file


def sources(origins: Origins) -> list[Any]:
    """What is asked for a setting that the command line leaves out, in this order."""
    return [Env(VARIABLE, command=False), File(), origins]
