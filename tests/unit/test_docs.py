"""Documentation that the code can contradict is held to it."""

import ast
import inspect
from pathlib import Path

from whatssound import config

CONFIGURATION = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"


def test_every_limit_stands_in_the_reference_with_its_default() -> None:
    fields = ast.parse(inspect.getsource(config.Limits)).body[0]
    assert isinstance(fields, ast.ClassDef)
    written = CONFIGURATION.read_text()
    for field, docstring in zip(fields.body, fields.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign):
            continue
        assert isinstance(field.target, ast.Name)
        name = field.target.id
        assert isinstance(docstring, ast.Expr), f"{name} has no docstring"
        explained = ast.literal_eval(docstring.value)
        row = f"| `WHATSSOUND_{name.upper()}` | {getattr(config.Limits(), name):,} | {explained} |"
        assert row in written, f"docs/reference/configuration.md lacks: {row}"
