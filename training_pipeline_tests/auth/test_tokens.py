from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from training_pipeline.auth.token_format import checksum, new_token
from training_pipeline.auth.tokens import ApiTokens, ExpiredToken, InvalidToken, RevokedToken, TokenState
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import InvalidRequest, NotFound
from training_pipeline.training_jobs.store.jobs import JobStore

DAY = timedelta(days=1)


@pytest.fixture
def tokens(store: JobStore) -> ApiTokens:
    return ApiTokens(store)


def shift(store: JobStore, column: str, interval: str) -> None:
    """Move a time of every token, as if it were earlier or later now."""
    with store.begin() as connection:
        connection.execute(text(f"UPDATE api_tokens SET {column} = {column} + interval '{interval}'"))


def test_a_token_says_who_bears_it_and_as_what(tokens: ApiTokens) -> None:
    token, secret = tokens.create("ada", Role.OPERATOR, 90 * DAY, created_by="root")
    assert tokens.caller_of(secret) == Caller("ada", Role.OPERATOR, token.id)
    assert (token.state, token.created_by, token.last_used_at) == (TokenState.ACTIVE, "root", None)
    assert timedelta() <= datetime.now(UTC) + 90 * DAY - token.expires_at < timedelta(minutes=1)


def test_nothing_of_the_secret_is_stored(tokens: ApiTokens, store: JobStore) -> None:
    token, secret = tokens.create("ada", Role.ADMIN, DAY, created_by="root")
    with store.begin() as connection:
        (stored,) = connection.execute(text("SELECT t::text FROM api_tokens t")).scalars()
    last = secret.rpartition("_")[2]
    assert all(last[start : start + 8] not in stored for start in range(len(last) - 8))
    assert secret not in repr(token)


def test_what_is_over_or_taken_back_is_so_at_once_and_says_so(tokens: ApiTokens, store: JobStore) -> None:
    (first, secret), (second, other) = (tokens.create("ada", Role.VIEWER, DAY, created_by="root") for _ in range(2))
    tokens.revoke(first.id, by="grace")
    with pytest.raises(RevokedToken, match=first.id):
        ApiTokens(store).caller_of(secret)
    assert tokens.caller_of(other).name == "ada"
    shift(store, "expires_at", "-1 day")
    with pytest.raises(ExpiredToken, match=second.id):
        tokens.caller_of(other)
    with pytest.raises(RevokedToken):  # both: that it was taken back says more
        tokens.caller_of(secret)
    assert [token.state for token in tokens.list()] == [TokenState.EXPIRED, TokenState.REVOKED]


def test_who_does_not_have_the_whole_token_learns_nothing(tokens: ApiTokens) -> None:
    token, secret = tokens.create("ada", Role.VIEWER, DAY, created_by="root")
    tokens.revoke(token.id, by="root")
    forged = f"tpk_{token.id}_{'0' * 43}"
    with pytest.raises(InvalidToken, match="Unknown token"):
        tokens.caller_of(forged + checksum(forged))
    with pytest.raises(InvalidToken, match="Unknown token"):
        tokens.caller_of(new_token()[1])
    with pytest.raises(InvalidToken, match="not a complete token"):
        tokens.caller_of(secret[:-1])


def test_revoking_twice_keeps_the_first_time_and_person(tokens: ApiTokens) -> None:
    token, _ = tokens.create("ada", Role.VIEWER, DAY, created_by="root")
    first = tokens.revoke(token.id, by="grace")
    assert tokens.revoke(token.id, by="eve") == first
    assert first.revoked_by == "grace"
    with pytest.raises(NotFound, match="no token 'x'"):
        tokens.revoke("x", by="grace")


def test_everybody_of_a_name_is_revoked_together(tokens: ApiTokens) -> None:
    made = [tokens.create(name, Role.VIEWER, DAY, created_by="root")[0].id for name in ("ada", "ada", "eve", "ada")]
    tokens.revoke(made[3], by="root")
    assert {token.id for token in tokens.revoke_all_of("ada", by="root")} == set(made[:2])
    assert tokens.revoke_all_of("ada", by="root") == []
    assert {token.name for token in tokens.list() if token.state is TokenState.ACTIVE} == {"eve"}
    with pytest.raises(NotFound):
        tokens.revoke_all_of("nobody", by="root")


def test_its_use_is_noted_sparingly(tokens: ApiTokens, store: JobStore) -> None:
    _, secret = tokens.create("ada", Role.VIEWER, DAY, created_by="root")

    def row() -> tuple[str, datetime | None]:
        """The version of the row, which any write changes, and when it was last used."""
        with store.begin() as connection:
            version, last_used_at = connection.execute(text("SELECT xmin::text, last_used_at FROM api_tokens")).one()
            return version, last_used_at

    tokens.caller_of(secret)
    noted = row()
    assert noted[1] is not None
    tokens.caller_of(secret)
    assert row() == noted
    shift(store, "last_used_at", "-6 minutes")
    tokens.caller_of(secret)
    later = row()[1]
    assert later is not None
    assert later > noted[1]


def test_a_person_has_one_spelling(tokens: ApiTokens) -> None:
    tokens.create("Ada", Role.STEWARD, DAY, created_by="root")
    with pytest.raises(InvalidRequest, match="tokens of 'Ada'"):
        tokens.create("ada", Role.STEWARD, DAY, created_by="root")
    tokens.create("Ada", Role.OPERATOR, DAY, created_by="root")  # what one person may do in two roles
    assert {token.name for token in tokens.list()} == {"Ada"}


@pytest.mark.parametrize("name", ["", "system", " ada", "a b", "-x", "x" * 64, "a\nb", "é", "<b>"])
def test_a_name_must_be_one(tokens: ApiTokens, name: str) -> None:
    with pytest.raises(InvalidRequest, match="/name"):
        tokens.create(name, Role.VIEWER, DAY, created_by="root")
    assert tokens.list() == []


@pytest.mark.parametrize("days", [-1, 0, 3651])
def test_every_token_ends(tokens: ApiTokens, days: int) -> None:
    with pytest.raises(InvalidRequest, match="/days"):
        tokens.create("ada@example.org", Role.VIEWER, days * DAY, created_by="root")
