"""The reference page: the document as plain HTML. No script, nothing from elsewhere."""

from __future__ import annotations

import html
import json
from collections import defaultdict
from typing import Any

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>HTTP interface</title>
<style>
  body { font: 15px/1.55 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
         background: #fff; color: #1c1c1c; }
  code, pre { font: 13px/1.5 ui-monospace, monospace; }
  pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; border-radius: .4rem; }
  summary { cursor: pointer; padding: .25rem 0; }
  .method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
  .scope { float: right; color: #666; }
  details { border-bottom: 1px solid #e3e3e3; }
  details > div { padding: .3rem 0 1rem 1rem; }
  td, th { text-align: left; padding: .15rem .8rem .15rem 0; vertical-align: top; }
  @media (prefers-color-scheme: dark) {
    body { background: #1b1b1b; color: #e6e6e6; } pre { background: #272727; } details { border-color: #383838; }
    .scope { color: #aaa; } a { color: #8ab4f8; }
  }
</style>
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"


def render(document: dict[str, Any]) -> str:
    """The page of a document made by `document.build_document`."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups[operation["tags"][0]].append(_operation(path, method, operation))
    info = document["info"]
    parts = [_HEAD, f"<h1>{_safe(info['title'])} {_safe(info['version'])}</h1>"]
    parts.append(
        f"<p>{_safe(info['description'])}</p><p>For machines: <a href='/openapi.json'>/openapi.json</a></p>"
    )
    for name in sorted(groups):
        parts.append(f"<h2 id='{_safe(name)}'>{_safe(name)}</h2>")
        parts += groups[name]
    parts.append("<h2 id='schemas'>Shapes</h2>")
    for name, schema in document["components"]["schemas"].items():
        shown = _safe(json.dumps(schema, indent=2))
        parts.append(
            f"<details id='{_safe(name)}'><summary><code>{_safe(name)}</code></summary><pre>{shown}</pre></details>"
        )
    return "\n".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    security = operation["security"]
    scope = security[0]["bearer"][0] if security else "public"
    head = f"<span class='method'>{method.upper()}</span> <code>{_safe(path)}</code> {_safe(operation['summary'])}"
    rows = [
        f"<tr><td><code>{_safe(one['name'])}</code></td><td>{one['in']}</td>"
        f"<td>{'needed' if one['required'] else ''}</td><td>{_safe(one.get('description', ''))}</td></tr>"
        for one in operation["parameters"]
    ]
    inner = f"<table>{''.join(rows)}</table>" if rows else ""
    if "requestBody" in operation:
        inner += f"<p>Body: {_contents(operation['requestBody']['content'])}</p>"
    for status, answer in operation["responses"].items():
        meaning = _safe(answer.get("description", "refused; the body names field and reason"))
        inner += f"<p><b>{status}</b> {meaning} {_contents(answer.get('content', {}))}</p>"
    return (
        f"<details><summary>{head} <span class='scope'>{scope}</span></summary><div>{inner}</div></details>"
    )


def _contents(content: dict[str, Any]) -> str:
    return ", ".join(
        f"<code>{_safe(kind)}</code> {_shape(media['schema'])}" for kind, media in content.items()
    )


def _shape(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"<a href='#{_safe(name)}'>{_safe(name)}</a>"
    if "anyOf" in schema:
        return " or ".join(_shape(part) for part in schema["anyOf"])
    return _safe(str(schema.get("type", "")))


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
