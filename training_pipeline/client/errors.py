"""Errors of requests to a remote service. None of them contains the token."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

import httpx2
from pydantic import ValidationError

from training_pipeline.domain.errors import FieldProblem, PipelineError, Unavailable
from training_pipeline.schemas.problem import MEDIA_TYPE, Problem
from training_pipeline.settings.prefix import PREFIX

_NOT_IT: Final = "This is not the REST API of training_pipeline, or a proxy is in between. Check the URL."
_INSTALL: Final = "Install the release of training_pipeline that the service runs."
_HINTS: Final = {
    401: f"Set {PREFIX}TOKEN to a token of this service. Its administrator creates tokens.",
    403: "Ask the administrator of the service for a token with the required role.",
}


class Refused(PipelineError):
    """The service refused a request; what it said stands in the message, the problems and the hint."""

    code = "refused"


class NotTheService(PipelineError):
    """Whatever answers there does not answer as this release of the REST API does."""

    code = "not_the_service"


def of_response(url: str, response: httpx2.Response) -> PipelineError:
    """The error behind a response, which has been read, that is not the answer that was asked for."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == MEDIA_TYPE:
        try:
            said = _problem(response)
        except ValueError:
            pass
        else:
            return _other_release(url) if said.code == "no_such_path" else _of_problem(said)
    shown = media_type or "nothing"
    if response.is_redirect:
        return NotTheService(f"{url} redirects to another address (HTTP {response.status_code}).", hint=_NOT_IT)
    if response.status_code in {401, 403, 407}:
        return NotTheService(
            f"{url} denied access (HTTP {response.status_code}, {shown} instead of a problem document).",
            hint=f"There may be a proxy in front of the service. {_NOT_IT}",
        )
    error = f"{url} answered with HTTP {response.status_code} and {shown}, which the REST API never does."
    if response.status_code in {502, 503, 504}:
        return Unavailable(error, hint="A proxy may be in front of a service that is down. Try again in a moment.")
    return NotTheService(error, hint=_NOT_IT)


def pause_of(response: httpx2.Response) -> float | None:
    """Seconds after which the service says the request may be sent again; null where it does not say."""
    stated = response.headers.get("retry-after", "")
    return float(stated) if stated.isascii() and stated.isdigit() else None


def of_transport(url: str, error: httpx2.RequestError) -> Unavailable:
    """The error behind a request that got no answer."""
    if isinstance(error, httpx2.ConnectTimeout):
        return Unavailable(f"{url} does not answer: connecting timed out.", hint="Check the URL.")
    if isinstance(error, httpx2.TimeoutException):
        return Unavailable(f"{url} did not answer in time.", hint="The request may still be carried out.")
    if isinstance(error, httpx2.ProxyError):
        return Unavailable(f"The proxy cannot reach {url}.", hint="Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.")
    if isinstance(error, httpx2.ConnectError):
        return _of_connect(url, error)
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.DecodingError | httpx2.UnsupportedProtocol):
        return Unavailable(f"{url} closed the connection during its answer, or does not speak HTTP.", hint=_NOT_IT)
    return Unavailable(f"The connection to {url} was lost.", hint="The request may still be carried out.")


def of_other_version(url: str, theirs: str | None, ours: str, error: ValidationError) -> PipelineError:
    """An answer that is no answer of this release's. Names the fields, not their values."""
    fields = {"/" + "/".join(str(part) for part in found["loc"]): found["msg"] for found in error.errors()}
    shown = [FieldProblem(pointer, "unexpected", message) for pointer, message in list(fields.items())[:5]]
    said = f"is of version {theirs}" if theirs else "does not say its version"
    return NotTheService(
        f"The answer of {url} is not what this command knows: the service {said}, the command of {ours}.",
        problems=shown,
        hint=_INSTALL,
    )


def _other_release(url: str) -> PipelineError:
    return NotTheService(f"{url} does not support this command: it runs another release.", hint=_INSTALL)


def _problem(response: httpx2.Response) -> Problem:
    """The problem document; what a gateway's own may leave out is filled in. Raises `ValueError` for none at all."""
    usual = {
        "type": "about:blank",
        "title": response.reason_phrase,
        "status": response.status_code,
        "detail": response.reason_phrase,
        "instance": "",
        "code": "refused",
        "request_id": response.headers.get("X-Request-ID"),
    }
    stated = response.json()
    if not isinstance(stated, dict) or not stated:
        raise ValueError("no problem document")
    return Problem.model_validate({**usual, **stated})


def _of_problem(problem: Problem) -> PipelineError:
    fields = [
        FieldProblem(
            found.pointer if found.location == "body" else f"{found.location} {found.pointer}", found.code, found.detail
        )
        for found in problem.errors
    ]
    wanted = _HINTS.get(problem.status, "")
    hints = [problem.hint or wanted, f"Request id: {problem.request_id}" if problem.request_id else ""]
    error = (Unavailable if problem.status in {429, 503} else Refused)(
        problem.detail, hint="\n".join(hint for hint in hints if hint), problems=fields
    )
    error.code = problem.code
    return error


def _of_connect(url: str, error: httpx2.ConnectError) -> Unavailable:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError | OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unavailable(
            f"The certificate of {url} cannot be trusted: {cause.verify_message}.",
            hint="If your organisation has its own certificate authority, set SSL_CERT_FILE.",
        )
    if isinstance(cause, ssl.SSLError):
        return Unavailable(f"{url} does not speak TLS ({cause.reason}).", hint="Check for http:// or a proxy.")
    why = (cause.strerror if isinstance(cause, OSError) else None) or "no connection"
    return Unavailable(
        f"{url} cannot be reached: {why}.",
        hint="Check the URL, and that the service is running (`training-pipeline serve` or `up`).",
    )


def not_json(body: object, pointer: str = "") -> Iterator[FieldProblem]:
    """The numbers of a request that JSON has no words for."""
    if isinstance(body, float) and not math.isfinite(body):
        yield FieldProblem(pointer, "finite_number", "must be a finite number")
    elif isinstance(body, Mapping):
        for name, value in body.items():
            yield from not_json(value, f"{pointer}/{name}")
    elif isinstance(body, list | tuple):
        for place, value in enumerate(body):
            yield from not_json(value, f"{pointer}/{place}")
