from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.databricks.refusals import refusal

GRANT = "Grant SELECT on table x"


@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("token", "Invalid access token.", 403),
        ("token", "Token is expiring within 30 seconds. (token expired)", 403),
        ("token", "Personal access tokens are disabled for this workspace.", "PERMISSION_DENIED"),
        ("token", "The access token has been revoked", "FORBIDDEN"),
        ("address", "Source IP address: 1.2.3.4 is blocked by Databricks IP ACL for workspace: 7", 403),
        ("address", "Access denied by an IP access list", "PERMISSION_DENIED"),
        ("address", "Request is blocked by the serverless network policy", "PERMISSION_DENIED"),
        ("network", "The requested workspace has AWS PrivateLink enabled and is not accessible", "X"),
        ("page", "403 Forbidden", "FORBIDDEN"),
        ("page", "unable to parse response. This is likely a bug: <html>", None),
        ("page", "<!DOCTYPE html><html>Zscaler</html>", None),
        ("grant", "User does not have USE SCHEMA on Schema 'main.ml'.", "PERMISSION_DENIED"),
        ("grant", "User is not an owner of Table 'main.ml.tokens'.", "PERMISSION_DENIED"),
        ("grant", "", None),
    ],
)
def test_each_403_says_which_it_is(kind: str, message: str, code: str | int | None) -> None:
    found = refusal(message, code, grant=GRANT)
    assert found.kind == kind
    assert (found.hint == GRANT) is (kind == "grant")
    assert "<html>" not in found.words, "no page is quoted"


PLACES = st.from_regex(r"[a-z_]{1,12}(\.[a-z_]{1,12}){0,2}", fullmatch=True)


@given(st.sampled_from(["SELECT", "USE CATALOG", "WRITE VOLUME", "EXECUTE"]), PLACES)
def test_a_grant_on_any_object_is_a_grant(privilege: str, name: str) -> None:
    message = f"User does not have {privilege} on Table '{name}'."
    assert refusal(message, "PERMISSION_DENIED", grant=GRANT).kind == "grant"


@given(st.text(max_size=200), st.none() | st.text(max_size=20) | st.integers())
def test_whatever_is_said_is_one_of_them(message: str, code: str | int | None) -> None:
    assert refusal(message, code, grant="").hint
