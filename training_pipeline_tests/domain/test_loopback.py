from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.loopback import is_loopback, leads_here, names_this_machine
from training_pipeline.sft.evaluation import judge

HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(
        ["localhost", "judge.localhost", "localhost.example.org", "127.0.0.1", "127.3.2.1", "::1", "0.0.0.0"]
    ),
    st.from_regex(r"\A[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?\Z"),
)


def test_addresses() -> None:
    addresses = ("127.0.0.1", "127.3.2.1", "::1", "::1%lo", "0.0.0.0", "::", "192.0.2.1", "fe80::1%eth0")
    assert [is_loopback(address) for address in addresses] == [True] * 4 + [False] * 4
    assert is_loopback("::ffff:127.0.0.1") is not None, "later releases of Python say yes"


def test_what_is_no_address_is_neither() -> None:
    assert [is_loopback(address) for address in ("localhost", "testserver", "/run/x.sock", "", None)] == [None] * 5


@pytest.mark.parametrize(
    ("host", "connects", "browsers"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("::1", True, True),
        ("train.localhost", False, True),
        ("localhost.example.org", False, False),
        ("train-localhost", False, False),
        ("192.0.2.1", False, False),
        ("", False, False),
    ],
)
def test_a_name_for_browsers_is_not_one_to_connect_to(host: str, connects: bool, browsers: bool) -> None:
    assert (leads_here(host), names_this_machine(host)) == (connects, browsers)


@given(HOSTS)
def test_the_training_programs_copy_of_the_rule_is_the_same(host: str) -> None:
    shown = f"[{host}]" if ":" in host else host
    assert judge.leads_here(f"http://{shown}:8001/v1") == leads_here(host)
