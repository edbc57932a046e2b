"""GET /docs: the API reference, written from the OpenAPI document as one page without a script."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

router = APIRouter(include_in_schema=False)

_STYLE = """
:root{color-scheme:light dark}body{font:15px/1.55 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:2rem 1rem 6rem}
h1{margin-bottom:.2rem}h2{margin:2.5rem 0 .5rem;text-transform:capitalize}nav a{margin-right:.8rem}
details{border:1px solid #8884;border-radius:6px;margin:.4rem 0}summary{cursor:pointer;padding:.5rem .8rem}
details>div{padding:0 1rem 1rem}code,pre{font:13px/1.5 ui-monospace,monospace}pre{overflow:auto;background:#8881;padding:.6rem}
b.method{display:inline-block;width:4.2rem}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #8883;padding:.25rem .5rem;text-align:left;vertical-align:top}
"""


@router.get("/docs")
async def show_reference(request: Request) -> Response:
    page: str | None = getattr(request.app.state, "docs_page", None)
    if page is None:
        page = request.app.state.docs_page = reference_page(request.app.openapi())
    return HTMLResponse(page)


@router.get("/redoc")
async def old_address() -> Response:
    return RedirectResponse("/docs")


def reference_page(document: dict[str, Any]) -> str:
    """Operations by tag, each with its parameters, its body and its answer; schemas at the end."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = (operation.get("tags") or ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method, path, operation))
    tags = "".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag)
    sections = "".join(f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(each)}' for tag, each in by_tag.items())
    info = document["info"]
    schemas = "".join(_schema(name, each) for name, each in document.get("components", {}).get("schemas", {}).items())
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])} reference</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>"
        f'<p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p><nav>{tags}</nav>{sections}'
        f'<h2 id="schemas">schemas</h2>{schemas}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    summary = escape(operation.get("summary", ""))
    parts = [f"<p>{escape(operation.get('description', ''))}</p>"]
    if operation.get("parameters"):
        rows = "".join(_parameter(each) for each in operation["parameters"])
        parts.append(f"<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>{rows}</table>")
    for media in operation.get("requestBody", {}).get("content", {}).values():
        parts.append(f"<p>Body: {_type(media.get('schema', {}))}</p>")
    for status, response in operation.get("responses", {}).items():
        for media in response.get("content", {}).values():
            parts.append(f"<p>{escape(status)}: {_type(media.get('schema', {}))}</p>")
    head = f'<b class="method">{escape(method.upper())}</b><code>{escape(path)}</code> {summary}'
    return f"<details><summary>{head}</summary><div>{''.join(parts)}</div></details>"


def _parameter(each: dict[str, Any]) -> str:
    said = each.get("description") or ("required" if each.get("required") else "")
    kind = _type(each.get("schema", {}))
    return f"<tr><td><code>{escape(each['name'])}</code></td><td>{each['in']}</td><td>{kind}</td><td>{escape(said)}</td></tr>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code></td><td>{_type(each)}</td>"
        f"<td>{'required' if field in required else ''} {escape(each.get('description', ''))}</td></tr>"
        for field, each in schema.get("properties", {}).items()
    )
    said = escape(schema.get("description", ""))
    return f'<details id="schema-{escape(name)}"><summary>{escape(name)}</summary><div><p>{said}</p><table>{rows}</table></div></details>'


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " or ".join(_type(each) for each in schema[word])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if "enum" in schema:
        return " | ".join(escape(str(each)) for each in schema["enum"])
    return escape(str(schema.get("const", schema.get("type", "any"))))
