"""API tokens: created, checked on every request, revoked.

Nothing is cached between requests, and times are the database's, so a revoked or expired token stops working at once
in every process. Rows are never deleted: who had a token, and until when, is part of who allowed something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, func, insert, select, update

from training_pipeline.auth import token_format
from training_pipeline.auth.tables import api_tokens
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, NotFound, Unauthenticated
from training_pipeline.training_jobs.store.events import SYSTEM
from training_pipeline.training_jobs.store.jobs import JobStore

#: Longest time that a token can be good for.
LONGEST: Final = timedelta(days=3650)
#: When a token was last used is written this often at most.
USE_NOTED: Final = timedelta(minutes=5)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")
_HINT: Final = "Ask an administrator for a token (`training-pipeline tokens create`)."


class InvalidToken(Unauthenticated):
    """Unknown token: mistyped, truncated, or not created here."""

    code = "token_invalid"


class ExpiredToken(Unauthenticated):
    """The token has expired."""

    code = "token_expired"


class RevokedToken(Unauthenticated):
    """The token was revoked."""

    code = "token_revoked"


class TokenState(StrEnum):
    """The state of a token."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A stored token, without its secret."""

    id: str
    name: str
    role: Role
    state: TokenState
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    @property
    def caller(self) -> Caller:
        """The token's owner as a caller; raises `RevokedToken` or `ExpiredToken` if it is no longer valid."""
        if self.state is TokenState.REVOKED:
            raise RevokedToken(f"This token (id {self.id}) was revoked.", hint=_HINT)
        if self.state is TokenState.EXPIRED:
            raise ExpiredToken(f"This token (id {self.id}) has expired.", hint=_HINT)
        return Caller(self.name, self.role, self.id)


class ApiTokens:
    """Reads and writes `api_tokens`. Every method is one transaction."""

    def __init__(self, store: JobStore) -> None:
        self.store = store

    def create(self, name: str, role: Role, lifetime: timedelta, *, created_by: str) -> tuple[ApiToken, str]:
        """A new token and its text, which cannot be shown again.

        Raises `InvalidRequest`, also for a name that is spelled as another one but for the case of letters.
        """
        _check(name, lifetime)
        token_id, text = token_format.new_token()
        values = {
            "id": token_id,
            "name": name,
            "role": role,
            "digest": token_format.digest(text),
            "created_at": func.now(),
            "created_by": created_by,
            "expires_at": func.now() + lifetime,
        }
        with self.store.begin() as connection:
            _check_spelling(connection, name)
            connection.execute(insert(api_tokens).values(values))
            return of_row(_row(connection, token_id)), text

    def list(self) -> Sequence[ApiToken]:
        """All tokens, including revoked and expired ones, newest first."""
        with self.store.begin() as connection:
            rows = connection.execute(
                select_tokens().order_by(api_tokens.c.created_at.desc(), api_tokens.c.id)
            ).mappings()
            return [of_row(row) for row in rows]

    def revoke(self, token_id: str, *, by: str) -> ApiToken:
        """Revoke a token. Idempotent: the first time and person are kept. Raises `NotFound`."""
        with self.store.begin() as connection:
            _revoke(connection, api_tokens.c.id == token_id, by)
            return of_row(_row(connection, token_id))

    def revoke_all_of(self, name: str, *, by: str) -> Sequence[ApiToken]:
        """Revoke all tokens of a name; returns those not revoked before. Raises `NotFound` for an unknown name."""
        of_name = api_tokens.c.name == name
        with self.store.begin() as connection:
            ids = _revoke(connection, of_name, by)
            rows = list(connection.execute(select_tokens().where(of_name)).mappings())
        if not rows:
            raise NotFound(
                f"There is no token of {name!r}.", hint="Run `training-pipeline tokens list` to see all tokens."
            )
        return [of_row(row) for row in rows if row["id"] in ids]

    def caller_of(self, text: str) -> Caller:
        """The caller with this token; records its use, at intervals.

        Raises `InvalidToken`, `RevokedToken` or `ExpiredToken`. Only a caller with the
        whole token learns whether it was revoked or has expired.
        """
        token_id = token_format.id_of(text)
        if token_id is None:
            raise InvalidToken("This is not a complete token of training_pipeline.", hint=_HINT)
        with self.store.begin() as connection:
            row = connection.execute(select_tokens().where(api_tokens.c.id == token_id)).mappings().first()
            if row is None or not token_format.matches(text, row["digest"]):
                raise InvalidToken("Unknown token.", hint=_HINT)
            caller = of_row(row).caller
            if row["use_is_to_be_noted"]:
                noted = update(api_tokens).where(api_tokens.c.id == token_id)
                connection.execute(noted.values(last_used_at=func.now()))
        return caller


def _check(name: str, lifetime: timedelta) -> None:
    problems = []
    if not _NAME.fullmatch(name) or name == SYSTEM:
        expected = "expected up to 63 letters, digits and ._@+-, the first one a letter or digit"
        taken = f", and not {SYSTEM!r}, which is the pipeline itself"
        problems.append(FieldProblem("/name", "name", f"{expected}{taken}"))
    if not timedelta() < lifetime <= LONGEST:
        problems.append(FieldProblem("/days", "range", f"expected more than 0 and at most {LONGEST.days}"))
    if problems:
        raise InvalidRequest("The token cannot be created.", problems=problems)


def _check_spelling(connection: Connection, name: str) -> None:
    """One person has one name: two spellings would give them two histories."""
    alike = func.lower(api_tokens.c.name) == name.lower()
    query = select(api_tokens.c.name).where(alike, api_tokens.c.name != name).limit(1)
    if (other := connection.execute(query).scalar()) is not None:
        problems = [FieldProblem("/name", "name", f"there are tokens of {other!r}: one person has one spelling")]
        raise InvalidRequest("The token cannot be created.", problems=problems)


def select_tokens() -> Select[Any]:
    """The query for all tokens, as `of_row` takes its rows."""
    table = api_tokens.c
    unnoted: ColumnElement[bool] = func.coalesce(table.last_used_at < func.now() - USE_NOTED, True)
    return select(
        api_tokens,
        (table.expires_at <= func.now()).label("expired"),
        unnoted.label("use_is_to_be_noted"),
    )


def _row(connection: Connection, token_id: str) -> RowMapping:
    row = connection.execute(select_tokens().where(api_tokens.c.id == token_id)).mappings().first()
    if row is None:
        raise NotFound(f"There is no token {token_id!r}.", hint="Run `training-pipeline tokens list` to see all ids.")
    return row


def _revoke(connection: Connection, which: ColumnElement[bool], by: str) -> set[str]:
    query = update(api_tokens).where(which, api_tokens.c.revoked_at.is_(None))
    return set(
        connection.execute(query.values(revoked_at=func.now(), revoked_by=by).returning(api_tokens.c.id)).scalars()
    )


def of_row(row: RowMapping) -> ApiToken:
    """The token of a row."""
    state = TokenState.ACTIVE
    if row["revoked_at"] is not None:
        state = TokenState.REVOKED
    elif row["expired"]:
        state = TokenState.EXPIRED
    return ApiToken(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        state=state,
        created_at=row["created_at"],
        created_by=row["created_by"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
    )
