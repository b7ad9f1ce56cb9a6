"""A server that speaks S3, as far as these tests need one."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from training_pipeline.testing.servers.s3 import S3, serving_s3


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 server with the bucket `acme`, which this process and those that it starts speak to."""
    pytest.importorskip("moto", reason="an S3 server needs moto: pip install 'training_pipeline[dev]'")
    pytest.importorskip("s3fs", reason="S3 is read with s3fs: pip install 'training_pipeline[dev]'")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with serving_s3() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.make_bucket("acme")
        yield server
