"""The methods that each path of the API accepts."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.routing import compile_path

_VERBS: Final = ("get", "post", "put", "patch", "delete")


def allowed_methods(app: FastAPI, path: str) -> list[str]:
    """The methods that a path of the OpenAPI document takes, HEAD and OPTIONS among them; none for other paths.

    A path without parameters goes before one with them, as when a request is routed.
    """
    for template, operations in sorted(app.openapi()["paths"].items(), key=lambda item: "{" in item[0]):
        if compile_path(template)[0].match(path):
            methods = [verb.upper() for verb in _VERBS if verb in operations]
            return sorted([*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])])
    return []
