"""The OpenAPI document: FastAPI's own, with every error declared as a problem document."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from training_pipeline.schemas.problem import MEDIA_TYPE, Problem
from training_pipeline.schemas.sheet_import import ImportTrainingSheet

TITLE: Final = "training_pipeline"
DESCRIPTION: Final = (
    "From expert-reviewed question-answer pairs to a fine-tuned language model, under governance, with a lineage "
    "record. Errors are problem documents (RFC 9457) with a stable `code`."
)
BEARER: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token created with `training-pipeline tokens create`. Viewers read and poll; operators also "
    "create, and cancel and retry their own jobs; admins do everything. Not required if authentication is off.",
}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"description": "Bearer challenge with the error.", "schema": {"type": "string"}}},
    429: {"Retry-After": {"description": "Seconds to wait before retrying.", "schema": {"type": "integer"}}},
    503: {"Retry-After": {"description": "Seconds to wait before retrying.", "schema": {"type": "integer"}}},
}
_TEMPLATE: Final = "#/components/schemas/{model}"


def document(app: FastAPI, *, needs_token: bool) -> dict[str, Any]:
    """The document of an app; made once. It says whether the operations of the API can do without a token."""
    if app.openapi_schema is None:
        made = get_openapi(title=TITLE, version=app.version, description=DESCRIPTION, routes=app.routes)
        schemas = made["components"]["schemas"]
        for left in ("HTTPValidationError", "ValidationError"):
            schemas.pop(left, None)
        for model in (Problem, ImportTrainingSheet):  # FastAPI knows of neither
            inner = model.model_json_schema(ref_template=_TEMPLATE)
            schemas.update(inner.pop("$defs"))
            schemas[model.__name__] = inner
        made["components"]["securitySchemes"] = {"bearer": BEARER}
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                open_to_all = not path.startswith("/api/")
                _describe_problems(operation, open_to_all=open_to_all, sends=method in {"post", "patch"})
                if not open_to_all:
                    operation["security"] = [{"bearer": []}, *([] if needs_token else [{}])]
        made["components"]["schemas"] = dict(sorted(schemas.items()))
        for name, schema in schemas.items():
            if name.endswith(("-Input", "-Output")):  # makers of clients name classes after titles: no two have one
                schema["title"] = name.replace("-", "")
        _enumerate_constants(made)
        app.openapi_schema = made
    return app.openapi_schema


def _enumerate_constants(part: Any) -> None:
    """Say a single possible value as `enum`: makers of clients pass over `const`, or write code that does not work."""
    if isinstance(part, dict):
        if "const" in part and not isinstance(part["const"], dict):  # a dict is a property of that name
            part["enum"] = [part.pop("const")]
        for value in part.values():
            _enumerate_constants(value)
    elif isinstance(part, list):
        for each in part:
            _enumerate_constants(each)


def _describe_problems(operation: dict[str, Any], *, open_to_all: bool, sends: bool) -> None:
    """Name every status that the operation may answer with a problem document."""
    responses = operation["responses"]
    parameters = operation.get("parameters", [])
    statuses = {503} | {int(status) for status in responses if re.fullmatch("[45]..", status)} - {422}
    statuses |= set() if open_to_all else {401, 403, 422, 429}  # 422 where a query parameter is not known
    statuses |= {400, 408, 413, 415, 422} if sends else set()
    statuses |= {422} if parameters else set()
    statuses |= {404} if any(parameter["in"] == "path" for parameter in parameters) else set()
    content = {MEDIA_TYPE: {"schema": {"$ref": _TEMPLATE.format(model="Problem")}}}
    responses.pop("422", None)
    for status in statuses:
        headers = {"headers": _HEADERS[status]} if status in _HEADERS else {}
        responses[str(status)] = {"description": HTTPStatus(status).phrase, **headers, "content": content}
    operation["responses"] = dict(sorted(responses.items()))
