"""Authentication of API requests: by a bearer token in the request, or by a trusted proxy, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection

from training_pipeline.api.auth.proxy_user import caller_of, names_user
from training_pipeline.app.container import Services
from training_pipeline.domain.access import Caller, local_caller
from training_pipeline.domain.errors import Unauthenticated
from training_pipeline.settings import Settings

#: Tells who sent a request; raises an error of the domain for one that is from nobody it knows. May wait for the
#: database, so it is not for the event loop.
Authenticate = Callable[[HTTPConnection], Caller]


def authentication(settings: Settings) -> Authenticate:
    """The authentication that the settings ask for. With `none` every caller is the local user, with all rights."""
    if settings.auth == "token":
        return by_proxy_or(by_token, settings)
    return as_local_user(settings)


def by_proxy_or(otherwise: Authenticate, settings: Settings) -> Authenticate:
    """Whom a trusted proxy names, where it names somebody and the settings let it; else as `otherwise` says."""
    if not settings.proxy_user_header:
        return otherwise
    roles = settings.proxy_roles
    return lambda connection: caller_of(connection, roles) if names_user(connection) else otherwise(connection)


def as_local_user(settings: Settings) -> Authenticate:
    """Every caller is the local user."""
    local = local_caller(settings.local_user)
    return lambda _: local


def by_token(connection: HTTPConnection) -> Caller:
    """The owner of the token in the header Authorization, as the database has it now.

    Cookies and the query are ignored. Raises `Unauthenticated` with a code that says what is wrong.
    """
    services: Services = connection.app.state.services
    return services.tokens.caller_of(bearer_token(connection))


def bearer_token(connection: HTTPConnection) -> str:
    """The token in the header Authorization; raises `Unauthenticated` where there is not exactly one."""
    given = connection.headers.getlist("authorization")
    hint = "Send the header `Authorization: Bearer <token>`."
    if not given:
        raise Unauthenticated("Authentication required.", hint=hint)
    scheme, _, token = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer" or not token.strip():
        raise MalformedAuthorization("The Authorization header must contain exactly one bearer token.", hint=hint)
    return token.strip()


class MalformedAuthorization(Unauthenticated):
    """There is an Authorization, and it is no bearer token."""

    code = "authorization_malformed"
