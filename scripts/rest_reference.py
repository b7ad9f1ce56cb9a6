"""The reference of the REST API, from docs/openapi.json. `write_reference.py` makes docs/rest.md of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

#: Where most paths begin; headings leave it out.
BASE = "/api/v1/training"

HEAD = """\
# Every operation of the REST API

What is sent and what comes back, field by field. [The REST API](api.md) says how it is used: commands, roles, paging,
errors. The same as an OpenAPI document, for tools: [openapi.json](openapi.json). This page is written by
`python scripts/write_reference.py`.

"""


def link(ref: str) -> str:
    """A link to the schema that `ref` points at, on the same page."""
    name = ref.rsplit("/", 1)[-1]
    return f"[{name}](#{name.lower()})"


def type_of(schema: dict[str, Any]) -> str:
    """What a value may be, in one line."""
    if "$ref" in schema:
        return link(schema["$ref"])
    if "anyOf" in schema:
        return " or ".join(type_of(branch) for branch in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"array of {type_of(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {type_of(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("type", "anything"))


def meaning(schema: dict[str, Any], description: str | None = None) -> str:
    """What a value means, with its default where that is not null."""
    text = description or schema.get("description", "")
    default = schema.get("default")
    if default is None or default in ([], {}):
        return str(text)
    shown = default if isinstance(default, str) else json.dumps(default)
    return f"{text} Default: `{shown}`.".strip()


def row(*cells: str) -> str:
    """One row of a table; what would end a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table, or nothing where there are no rows."""
    return "\n".join([row(*heads), row(*["---"] * len(heads)), *(row(*cells) for cells in rows)]) + "\n" if rows else ""


def parameters(operation: dict[str, Any]) -> str:
    """What goes into the path, the query and the headers."""
    rows = [
        (f"`{one['name']}`", one["in"], type_of(one["schema"]), meaning(one["schema"], one.get("description")))
        for one in operation.get("parameters", ())
    ]
    return table(("parameter", "in", "type", "meaning"), rows)


def answers(operation: dict[str, Any]) -> str:
    """What comes back on success; every failure is a problem document, and they are named in one line."""
    rows, failures = [], []
    for status, answer in operation["responses"].items():
        content = answer.get("content", {})
        if "application/problem+json" in content and status >= "400":
            failures.append(status)
        else:
            bodies = [type_of(body.get("schema", {})) if "json" in kind else kind for kind, body in content.items()]
            rows.append((status, " or ".join(bodies), answer["description"].replace("Successful Response", "")))
    said = f"\nErrors, each a {link('Problem')}: {', '.join(failures)}.\n" if failures else ""
    return table(("status", "body", "meaning"), rows) + said


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The tag and the section of each operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            parts = [
                f"### {method.upper()} {path.removeprefix(BASE)}\n",
                f"{operation.get('description', '')}\n",
                f"Operation `{operation['operationId']}`, at `{path}`.\n",
                parameters(operation),
                f"Body: {type_of(body)}\n" if body else "",
                answers(operation),
            ]
            yield operation["tags"][0], "\n".join(part for part in parts if part)


def schemas(document: dict[str, Any]) -> Iterator[str]:
    """A section for each schema: its fields, or its values."""
    for name, schema in document["components"]["schemas"].items():
        required = set(schema.get("required", ()))
        rows = [
            (f"`{field}`" + (" (required)" if field in required else ""), type_of(one), meaning(one))
            for field, one in schema.get("properties", {}).items()
        ]
        values = f"{type_of(schema)}\n" if "enum" in schema else ""
        said = f"{schema['description']}\n" if "description" in schema else ""
        parts = [f"### {name}\n", said, values, table(("field", "type", "meaning"), rows)]
        yield "\n".join(part for part in parts if part)


def reference(document: dict[str, Any]) -> str:
    """The whole page: operations by tag, then schemas, in the order of the document."""
    sections: dict[str, list[str]] = {}
    for tag, text in operations(document):
        sections.setdefault(tag, []).append(text)
    parts = [f"## {tag.capitalize()}\n\n" + "\n".join(texts) for tag, texts in sections.items()]
    return HEAD + "\n".join([*parts, "## Schemas\n", *schemas(document)])
