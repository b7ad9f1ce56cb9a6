"""The limit of a request line with its headers, of the trailers after a body, and of what else is no content.

Of uvicorn's two parsers h11 has a limit of its own. httptools, which it prefers where it is installed, has none.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Bytes of a request line with its headers. What one read of the socket brings may come on top.
LONGEST_HEAD: Final = 64 * 1024
_HAS_A_LIMIT: Final = AutoHTTPProtocol is H11Protocol


class HeadLimit(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn chooses it when it is imported
    """uvicorn's protocol, which gives up a connection whose headers do not come to an end."""

    #: Bytes since the last headers that were complete, or the last byte of a body.
    _without_content = 0

    def data_received(self, data: bytes) -> None:
        """Answer 400 to headers that are too long; where that would land in another answer, close."""
        self._without_content += len(data)
        super().data_received(data)
        if _HAS_A_LIMIT or self._without_content <= LONGEST_HEAD or self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            self.send_400_response(f"The headers are longer than {LONGEST_HEAD} bytes.")
        else:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """What httptools calls once they are."""
        self._without_content = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What it calls with each piece of a body."""
        self._without_content = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """What it calls at the end of a request: the next one's headers have their own bytes."""
        self._without_content = 0
        super().on_message_complete()
