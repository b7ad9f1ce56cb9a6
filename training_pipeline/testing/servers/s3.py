"""A server of moto that speaks S3, and the environment in which its clients find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

TIMEOUT_SECONDS = 60.0
"""Seconds. The first request makes the server import its S3, which takes over five where a machine is busy."""


@dataclass(frozen=True, slots=True)
class S3:
    """A server at `url`. Its buckets take whatever is put into them."""

    url: str

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that make it the S3 of AWS's libraries."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def make_bucket(self, name: str) -> None:
        """Add an empty bucket."""
        httpx2.put(f"{self.url}/{name}", timeout=TIMEOUT_SECONDS).raise_for_status()

    def put(self, path: str, content: bytes) -> None:
        """Store an object, as BUCKET/KEY."""
        httpx2.put(f"{self.url}/{path}", content=content, timeout=TIMEOUT_SECONDS).raise_for_status()


@contextmanager
def serving_s3() -> Iterator[S3]:
    """A server on a port of its own, in threads of this process."""
    from moto.server import ThreadedMotoServer

    server: Any = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()
