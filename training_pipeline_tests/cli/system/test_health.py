from __future__ import annotations

import socket

import pytest

from training_pipeline.cli.system import health
from training_pipeline.domain.errors import Conflict, PipelineError


def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Conflict, match=f"Port {port} on 127.0.0.1 is in use") as caught:
            health.require_free_port("127.0.0.1", port)
        assert "--port" in caught.value.hint
    health.require_free_port("127.0.0.1", port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no such host"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(PipelineError, match="Nothing can listen"):
        health.require_free_port(host, 3000)
