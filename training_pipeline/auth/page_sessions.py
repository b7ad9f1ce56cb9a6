"""Sessions of pages, as the database knows them: begun with a token, ended by logging out, by age or with the token."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, insert

from training_pipeline.auth.tables import api_tokens, page_sessions
from training_pipeline.auth.tokens import of_row, select_tokens
from training_pipeline.domain.access import Caller
from training_pipeline.domain.errors import Unauthenticated
from training_pipeline.training_jobs.store.jobs import JobStore

#: A session ends this long after its token was exchanged, or before.
LONGEST: Final = timedelta(hours=12)


class NoSession(Unauthenticated):
    """A page was requested without a session, or with one that has ended."""

    code = "no_session"

    def __init__(self) -> None:
        super().__init__("Login required.", hint="Log in with a token.")


class PageSessions:
    """Reads and writes `page_sessions`. Every method is one transaction; times are the database's."""

    def __init__(self, store: JobStore) -> None:
        self._store = store

    def begin(self, token_id: str) -> str:
        """A new session for whoever has this token: its id. Forgets sessions that are over."""
        session_id = secrets.token_urlsafe(24)
        with self._store.begin() as connection:
            connection.execute(delete(page_sessions).where(page_sessions.c.created_at <= func.now() - LONGEST))
            connection.execute(insert(page_sessions).values(id=session_id, token_id=token_id))
        return session_id

    def caller(self, session_id: str) -> Caller:
        """Whose session it is, with the role that the token has now.

        Raises `NoSession` where there is none or it has ended, and what is raised for a token that is no longer valid.
        """
        query = (
            select_tokens()
            .join(page_sessions, page_sessions.c.token_id == api_tokens.c.id)
            .where(page_sessions.c.id == session_id, page_sessions.c.created_at > func.now() - LONGEST)
        )
        with self._store.begin() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NoSession
        return of_row(row).caller

    def end(self, session_id: str) -> None:
        """End a session, wherever its cookie may still be. Idempotent."""
        with self._store.begin() as connection:
            connection.execute(delete(page_sessions).where(page_sessions.c.id == session_id))
