"""Writes the tables of docs/reference/configuration.md from the tree of settings: run this file after changing it."""

import ast
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

from whatssound.cli.settings import VARIABLE
from whatssound.cli.show import as_toml, leaves
from whatssound.config import Config, tree

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"

_TABLE = re.compile(r"(<!-- settings: (\w+) -->\n\n).*?(\n\n)(?=\S)", re.DOTALL)


def written(page: str) -> str:
    """The page with its tables as they should be."""
    return _TABLE.sub(lambda found: f"{found[1]}{_table(found[2])}{found[3]}", page)


def _table(branch: str) -> str:
    """One class of the tree: name, variable, default, meaning."""
    config = Config(data=Path("~/.local/share/whatssound"))
    root = (
        config
        if branch == "Config"
        else next(b for f in fields(config) if type(b := getattr(config, f.name)).__name__ == branch)
    )
    explained = _docstrings()[branch]
    own = [each.name for each in fields(root) if not is_dataclass(getattr(root, each.name))]
    named = list(leaves(root, "encoder-" if branch == "EncoderLimits" else ""))[: len(own)]
    rows = ["| setting | variable | default | what it sets |", "|---|---|---|---|"]
    for name, (option, value) in zip(own, named, strict=True):
        default = "" if value is None else f"`{as_toml(option, value)}`"
        rows.append(f"| `{option}` | `{VARIABLE}{option.replace('-', '_').upper()}` | {default} | {explained[name]} |")
    return "\n".join(rows)


def _docstrings() -> dict[str, dict[str, str]]:
    """The sentence under each field, by class and field."""
    classes = [node for node in ast.parse(Path(tree.__file__).read_text()).body if isinstance(node, ast.ClassDef)]
    return {each.name: _of(each) for each in classes}


def _of(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            found[field.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
