from __future__ import annotations

import socket

import pytest

from training_pipeline.infra.loopback import resolves_to_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_hosts_of_this_machine(host: str) -> None:
    assert resolves_to_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "no-such-host.invalid", ""])
def test_hosts_of_others(host: str) -> None:
    assert not resolves_to_loopback(host)


def test_a_name_with_one_other_address_is_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, "", (address, 0)) for address in ("127.0.0.1", "192.0.2.1")]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert not resolves_to_loopback("both.example.org")
