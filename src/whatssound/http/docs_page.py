"""/docs: the API's description as one plain page: no script, nothing loaded from anywhere."""

import re
from html import escape
from typing import Any, Final

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE: Final = """
:root { color-scheme: dark light; --line: #8884; --soft: #8882 }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1rem 6rem }
h2 { margin-top: 3rem } h3 { font-size: 1rem; margin: 0 }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
article { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; margin: .4rem 0 } caption { text-align: left; font-weight: 600 }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-top: 1px solid var(--line) }
.method { display: inline-block; min-width: 4.2em; font-weight: 700 }
.lock { background: var(--soft); border-radius: .3em; padding: 0 .4em; font-size: .8em; font-weight: 400 }
"""


class PlainPage(OpenAPIRenderPlugin):
    """Renders the description on the server. It works offline, and under a policy that allows no script at all."""

    def __init__(self, public_path: str = "") -> None:
        super().__init__(path="/")
        self._public_path = public_path

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """The page."""
        return rendered(openapi_schema, self._public_path).encode()


def rendered(api: dict[str, Any], public_path: str = "") -> str:
    """The HTML for an OpenAPI description."""
    docs = escape(f"{public_path}/docs")
    title = escape(f"{api['info']['title']} {api['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{_prose(api['info'].get('description', ''))}"
        f'<p>For programs: <a href="{docs}/openapi.json">openapi.json</a>, '
        f'<a href="{docs}/openapi.yaml">openapi.yaml</a>.</p>'
        f"{''.join(_section(tag, routes) for tag, routes in _by_tag(api).items())}"
        f"<h2>Shapes</h2>{''.join(_shape(name, it) for name, it in _schemas(api).items())}</html>"
    )


def _schemas(api: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(api.get("components", {}).get("schemas", {}).items()))


def _by_tag(api: dict[str, Any]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for path, item in api["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if operation := item.get(method):
                tag = (operation.get("tags") or ["Other"])[0]
                sections.setdefault(tag, []).append(_operation(method, path, operation))
    return sections


def _section(tag: str, routes: list[str]) -> str:
    return f"<h2>{escape(tag)}</h2>{''.join(routes)}"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    needs: list[dict[str, Any]] = operation.get("security") or []
    parameters: list[dict[str, Any]] = operation.get("parameters") or []
    answers = [_answer(status, response) for status, response in sorted(operation.get("responses", {}).items())]
    lock = ' <span class="lock">token</span>' if needs and {} not in needs else ""
    return (
        f'<article><h3><span class="method">{method.upper()}</span><code>{escape(path)}</code>{lock}</h3>'
        f"{_prose(operation.get('description', ''))}"
        f"{_table('Parameters', [_parameter(it) for it in parameters])}"
        f"{_table('Body', _contents(operation.get('requestBody') or {}))}"
        f"{_table('Answers', answers)}</article>"
    )


def _parameter(parameter: dict[str, Any]) -> tuple[str, str, str]:
    need = "required" if parameter.get("required") else "optional"
    about = escape(parameter.get("description") or "")
    return f"<code>{escape(parameter['name'])}</code>", f"{_type(parameter.get('schema', {}))}, {need}", about


def _answer(status: str, response: dict[str, Any]) -> tuple[str, str, str]:
    kinds = " or ".join(kind for _, kind, _ in _contents(response)) or "nothing"
    return escape(status), kinds, _inline(response.get("description", ""))


def _contents(body: dict[str, Any]) -> list[tuple[str, str, str]]:
    content: dict[str, dict[str, Any]] = body.get("content") or {}
    return [(escape(media), _type(it.get("schema", {})), "") for media, it in content.items()]


def _shape(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (f"<code>{escape(field)}</code>", _type(it) + ("" if field in required else ", optional"), "")
        for field, it in schema.get("properties", {}).items()
    ]
    about = _prose(schema.get("description", ""))
    return f'<article id="{escape(name)}"><h3>{escape(name)}</h3>{about}{_table("", rows)}</article>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        return " or ".join(_type(choice) for choice in choices)
    if schema.get("enum"):
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("properties"):
        fields = (f"<code>{escape(name)}</code>: {_type(it)}" for name, it in schema["properties"].items())
        return f"with {', '.join(fields)}"
    kind: str | list[str] = schema.get("type", "anything")
    return escape(kind if isinstance(kind, str) else " or ".join(kind))


def _table(caption: str, rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    head = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{head}{''.join(f'<tr><th>{a}<td>{b}<td>{c}' for a, b, c in rows)}</table>"


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
