"""A multipart body as it comes in: one file, which goes to the caller's uploads, and one field of JSON."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Final

from anyio import to_thread
from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from training_pipeline.client.local import LocalClient
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.uploads.staging import Receiving, Upload, UploadTooLarge

#: The names of the parts, and the most bytes of the head of one, and of the field.
FILE: Final = "file"
REQUEST: Final = "request"
_MOST_HEAD: Final = 8 * 1024
_MOST_FIELD: Final = 2**20
#: Blocks of this size and more are written in a thread.
_LARGE: Final = 2**16


class Body:
    """What is read of a body. `upload` is received whole once reading has ended without an error."""

    def __init__(self, client: LocalClient, files: ExitStack) -> None:
        self.upload: Upload | None = None
        self.request: bytes | None = None
        self._client = client
        self._files = files
        self._receiving: Receiving | None = None
        self._field = bytearray()
        self._part = ""
        self._head: dict[str, str] = {}
        self._name, self._value = bytearray(), bytearray()
        self._is_whole = False

    async def read(self, request: Request) -> None:
        """Read the body of a request; raises `InvalidRequest`, `UploadTooLarge` and `MultipartParseError`."""
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise refused("", "malformed", "must be multipart/form-data, with a boundary")
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )
        async for block in request.stream():
            if len(block) < _LARGE:
                parser.write(block)
            else:
                await to_thread.run_sync(parser.write, block)
        if not self._is_whole:
            raise refused("", "malformed", "ends before its last boundary")

    def _begin(self) -> None:
        self._part, self._head = "", {}
        self._name, self._value = bytearray(), bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._bound_head()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound_head()

    def _bound_head(self) -> None:
        if len(self._name) + len(self._value) > _MOST_HEAD or len(self._head) > 20:
            raise refused("", "malformed", "has a part with a head that is too long")

    def _header_end(self) -> None:
        self._head[self._name.decode("latin-1").lower()] = self._value.decode("utf-8", errors="replace")
        self._name, self._value = bytearray(), bytearray()

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._head.get("content-disposition", "").encode())
        self._part = options.get(b"name", b"").decode("utf-8", errors="replace")
        if self._part == FILE and self.upload is None:
            name = options.get(b"filename", b"").decode("utf-8", errors="replace")
            self._receiving = self._files.enter_context(self._client.receive_upload(name))
            self.upload = self._receiving.upload
        elif self._part == REQUEST and self.request is None:
            self._field = bytearray()
        else:
            raise refused("", "unexpected_part", f"must have one part '{FILE}' and one part '{REQUEST}', and no others")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE and self._receiving is not None:
            self._receiving.write(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _MOST_FIELD:
            raise UploadTooLarge(f"The part '{REQUEST}' must not be larger than {_MOST_FIELD:,} bytes.")

    def _part_end(self) -> None:
        if self._part == REQUEST:
            self.request = bytes(self._field)

    def _end(self) -> None:
        self._is_whole = True


async def read_body(request: Request, client: LocalClient, *, seconds: float) -> Body:
    """The parts of a request's body, read while they come in.

    Raises `UploadTooLarge`, and `InvalidRequest` for what is no multipart body, has other parts, or did not come within
    `seconds`. Nothing stays of the file then, nor where the connection is lost.
    """
    with ExitStack() as files:
        body = Body(client, files)
        try:
            async with asyncio.timeout(seconds):
                await body.read(request)
        except TimeoutError:
            raise refused("", "too_slow", f"was not received within {seconds:g} seconds") from None
        except ClientDisconnect:
            raise refused("", "incomplete", "did not come to its end") from None
        except MultipartParseError:
            raise refused("", "malformed", "is no multipart/form-data") from None
    return body


def refused(pointer: str, code: str, message: str) -> InvalidRequest:
    """The error for a body that is not as it should be."""
    return InvalidRequest("The upload is invalid.", problems=[FieldProblem(pointer, code, message)])
