"""Requests to one REST API, answered with the models of its OpenAPI document or with a `PipelineError`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any, Final, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from training_pipeline.client import errors
from training_pipeline.client.config import API_PATH, RemoteService
from training_pipeline.domain.errors import InvalidRequest, PipelineError
from training_pipeline.infra.retry import RetryPolicy

CONNECT_SECONDS: Final = 10.0
#: A little more than the service itself gives a request (TRAINING_PIPELINE_API_REQUEST_SECONDS).
ANSWER_SECONDS: Final = 75.0
#: How a request that may be sent again is, where the service is busy. It says how long to wait each time.
BUSY: Final = RetryPolicy(first=1.0, jitter=0.5, deadline=300.0)
#: A stream that is silent for this long, without a heartbeat, is taken for dead.
SILENCE_SECONDS: Final = 60.0

M = TypeVar("M", bound=BaseModel)


class HttpService:
    """One service, over connections that are kept until the context is left. It follows no redirect."""

    def __init__(
        self,
        remote: RemoteService,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = remote.url
        self._sleep = sleep
        headers = {"Accept": "application/json", "User-Agent": f"training-pipeline/{version('training_pipeline')}"}
        if remote.token is not None:
            headers["Authorization"] = f"Bearer {remote.token.get_secret_value()}"
        self._client = httpx2.Client(
            base_url=remote.url + API_PATH,
            headers=headers,
            timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not remote.is_here,  # no proxy leads there
            transport=transport,
        )

    def __enter__(self) -> HttpService:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(
        self,
        model: type[M],
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> M:
        """The answer to one request as a model; see `send`."""
        return self.read(model, self.send(method, path, params=params, body=body).content)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        again: Collection[str] = (),
    ) -> httpx2.Response:
        """The answer to one request; parameters that are None are left out. Raises `PipelineError`.

        A request that may be sent again, as one with an idempotency key, is sent again where it is refused with one of
        the codes `again`: after as many seconds as the answer says, and until they add up to the deadline of `BUSY`.
        """
        stated = {name: value for name, value in (params or {}).items() if value is not None}
        if problems := [*errors.not_json(body)]:
            raise InvalidRequest("The request is invalid.", problems=problems)
        pause: float | None = None

        def once() -> httpx2.Response:
            nonlocal pause
            pause = None
            try:
                response = self._client.request(method, path, params=stated, json=body, headers=headers)
            except httpx2.RequestError as error:
                raise errors.of_transport(self.url, error) from None
            if response.is_success and "json" in response.headers.get("content-type", ""):
                return response
            pause = errors.pause_of(response)
            raise errors.of_response(self.url, response)

        def is_busy(error: BaseException) -> bool:
            return isinstance(error, PipelineError) and error.code in again and pause is not None

        return BUSY.call(once, when=is_busy, stated=lambda: pause, sleep=self._sleep) if again else once()

    def read(self, model: type[M], content: bytes | str) -> M:
        """JSON of the service as a model; raises `NotTheService` where it is none of this release's."""
        try:
            return model.model_validate_json(content)
        except ValidationError as error:
            wrong = error
        ours = version("training_pipeline")
        raise errors.of_other_version(self.url, self._version(), ours, wrong) from None

    def download(self, path: str) -> Iterator[bytes]:
        """A file in pieces. Raises `PipelineError`, also midway: then what came is not the whole file."""
        try:
            with self._client.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    raise errors.of_response(self.url, response)
                yield from response.iter_bytes()
        except httpx2.RequestError as error:
            raise errors.of_transport(self.url, error) from None

    @contextmanager
    def stream(self, path: str, *, last_event_id: int) -> Iterator[Iterable[httpx2.ServerSentEvent] | None]:
        """Server-sent events after the given one; None where there will be none. Raises what `ask` does.

        While it is read, httpx2's `RequestError` means that the connection broke; an end without one is regular.
        """
        headers = {"Last-Event-ID": str(last_event_id)} if last_event_id else {}
        timeout = httpx2.Timeout(SILENCE_SECONDS, connect=CONNECT_SECONDS)
        with self._client.sse(path, headers=headers, timeout=timeout) as source:
            response = source.response
            if response.status_code == httpx2.codes.NO_CONTENT:
                yield None
                return
            if not response.is_success or "text/event-stream" not in response.headers.get("content-type", ""):
                response.read()
                raise errors.of_response(self.url, response)
            yield source

    def _version(self) -> str | None:
        try:
            return str(self._client.get(f"{self.url}/openapi.json").json()["info"]["version"])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError):
            return None


class OverHttp:
    """What every subject's verbs stand on."""

    def __init__(self, service: HttpService) -> None:
        self._service = service
