"""Sessions in the database: begun, ended by whoever logs out, by age and with their token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from training_pipeline.auth.page_sessions import NoSession, PageSessions
from training_pipeline.auth.tokens import ApiTokens, ExpiredToken, RevokedToken
from training_pipeline.domain.access import Caller, Role
from training_pipeline.training_jobs.store.jobs import JobStore

DAY = timedelta(days=1)


@pytest.fixture
def sessions(store: JobStore) -> PageSessions:
    return PageSessions(store)


def age(store: JobStore, hours: float) -> None:
    with store.begin() as connection:
        connection.execute(text(f"UPDATE page_sessions SET created_at = created_at - interval '{hours} hours'"))


def test_a_session_is_its_tokens_until_somebody_logs_out(sessions: PageSessions, store: JobStore) -> None:
    token, _ = ApiTokens(store).create("ada", Role.OPERATOR, DAY, created_by="root")
    first, second = sessions.begin(token.id), sessions.begin(token.id)
    assert sessions.caller(first) == sessions.caller(second) == Caller("ada", Role.OPERATOR, token.id)
    for _ in range(2):
        sessions.end(first)
    with pytest.raises(NoSession, match="Login required"):
        sessions.caller(first)
    assert sessions.caller(second).name == "ada"
    for unknown in ("", "x", token.id):
        with pytest.raises(NoSession):
            sessions.caller(unknown)
    ApiTokens(store).revoke(token.id, by="root")
    with pytest.raises(RevokedToken):
        sessions.caller(second)


def test_a_session_ends_by_age_and_with_its_token(sessions: PageSessions, store: JobStore) -> None:
    token, _ = ApiTokens(store).create("ada", Role.VIEWER, DAY, created_by="root")
    old = sessions.begin(token.id)
    age(store, 11.9)
    assert sessions.caller(old).name == "ada"
    age(store, 0.2)
    with pytest.raises(NoSession):
        sessions.caller(old)
    fresh = sessions.begin(token.id)
    with store.begin() as connection:
        assert connection.execute(text("SELECT id FROM page_sessions")).scalars().all() == [fresh]
        connection.execute(text("UPDATE api_tokens SET expires_at = now()"))
    with pytest.raises(ExpiredToken):
        sessions.caller(fresh)
