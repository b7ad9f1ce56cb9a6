"""Problem documents as responses, and the error handlers of an app."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from training_pipeline.api.allowed_methods import allowed_methods
from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas import problem as documents
from training_pipeline.schemas.problem import MEDIA_TYPE, Problem, ProblemField
from training_pipeline.schemas.validation import invalid_request

RETRY_SECONDS: Final = "2"
#: What RFC 6750 has a server say to who comes without a token, and what it adds for one that is not good.
CHALLENGE: Final = 'Bearer realm="training_pipeline"'
NOT_GOOD: Final = ', error="invalid_token"'

#: Codes and sentences of what FastAPI and Starlette refuse by themselves.
_PLAIN: Final[Mapping[int, tuple[str, str]]] = {
    400: ("malformed", "The request is malformed."),
    404: ("no_such_path", "Nothing exists at this path."),
    405: ("method_not_allowed", "This path does not support this method."),
}


def problem(
    path: str,
    status: int,
    code: str,
    detail: str,
    *,
    hint: str = "",
    errors: Sequence[ProblemField] = (),
    headers: Mapping[str, str] | None = None,
    **extensions: Any,
) -> Response:
    """A response with a problem document. Reads the request's id from the context."""
    document = documents.problem(status, code, detail, path=path, hint=hint, errors=errors)
    return _response(document, headers or {}, **extensions)


def of_pipeline_error(path: str, error: PipelineError) -> Response:
    """The response to a request that came to `error`; see `schemas.problem.problem_of`."""
    document = documents.problem_of(error, path=path)
    headers = {}
    if document.status == 503 or error.code == "idempotency_key_in_use":
        headers["Retry-After"] = RETRY_SECONDS
    if document.status == 401:
        headers["WWW-Authenticate"] = CHALLENGE + (NOT_GOOD if error.code.startswith("token_") else "")
    return _response(document, headers)


def of_validation(path: str, found: Sequence[Any]) -> Response:
    """The response to a request in which FastAPI found something wrong."""
    if any(error["type"] == "json_invalid" for error in found):
        return problem(path, 400, "malformed", "The body is not valid JSON.")
    refused = invalid_request([{**error, "loc": error["loc"][1:]} for error in found])
    # What stands for those that are not told is in the same place as the first of them.
    places = [str(error["loc"][0]) for error in found]
    errors = [ProblemField.of(field, place) for field, place in zip(refused.problems, places, strict=False)]
    return problem(path, 422, refused.code, refused.message, hint=refused.hint, errors=errors)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document."""

    def pipeline_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, PipelineError)  # noqa: S101 - the class that it is installed for
        return of_pipeline_error(request.url.path, error)

    def validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return of_validation(request.url.path, error.errors())

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        code, detail = _PLAIN.get(error.status_code, ("refused", "The request was refused."))
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(allowed_methods(app, request.url.path)) or headers.get("allow", "")
            headers.pop("allow", None)
        return problem(request.url.path, error.status_code, code, detail, headers=headers)

    app.add_exception_handler(PipelineError, pipeline_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)


def _response(document: Problem, headers: Mapping[str, str], **extensions: Any) -> Response:
    # ASCII, because what a client sent and is named here may be no Unicode text at all.
    content = json.dumps({**document.model_dump(), **extensions})
    return Response(content, document.status, headers=dict(headers), media_type=MEDIA_TYPE)
