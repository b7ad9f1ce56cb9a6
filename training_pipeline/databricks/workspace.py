"""The connection to a Databricks workspace: credentials by the SDK's own chain, and its errors in words for people.

No credential is read, stored or shown by us: the SDK finds it (environment, profile, cloud identity) and keeps it.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.databricks.refusals import RENEW, refusal
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable, PipelineError

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

#: What the SDK appends to a message: how it was configured, tokens masked. It helps nobody here.
_APPENDIX: Final = re.compile(r"\s*\b(?:Config|Env): .*", re.DOTALL)
_LONGEST: Final = 500


class Gone(BackendFailed):
    """What was asked for is not there (any more)."""


@dataclass(frozen=True)
class Connection:
    """How to reach the workspace. `http_timeout` and `retry_timeout` are seconds: of one request, and of all its tries.

    Both are small: whoever calls is asked again by the poller or by the next launch, so that a host that does not exist
    is told of in seconds and not in the SDK's five minutes.
    """

    http_timeout: int = 30
    retry_timeout: int = 20
    #: Anything else that the SDK's `Config` takes.
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _made: dict[bool, WorkspaceClient] = field(default_factory=dict, compare=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    def client(self, *, presigned: bool = False) -> WorkspaceClient:
        """The client, made when first asked for; with `presigned` it moves files by presigned links of the cloud.

        Without, it uses the plain Files API: one request a file, through the workspace itself. Raises the SDK's errors.
        """
        from databricks.sdk import WorkspaceClient
        from databricks.sdk.config import Config

        with self._lock:
            if presigned not in self._made:
                config = Config(
                    http_timeout_seconds=self.http_timeout,
                    retry_timeout_seconds=self.retry_timeout,
                    disable_experimental_files_api_client=not presigned,
                    product="training-pipeline",
                    product_version=version("training_pipeline"),
                    **self.options,
                )
                self._made[presigned] = WorkspaceClient(config=config)
            return self._made[presigned]

    def forget(self) -> None:
        """Make new clients from now on, so that credentials which somebody renewed are found."""
        with self._lock:
            self._made.clear()

    @contextmanager
    def calling(
        self, what: str, *, grant: str = "", then: str = "it waits and continues automatically"
    ) -> Iterator[None]:
        """Turn the SDK's errors into ours while `what` (as "submit the run") is done; `grant` is what that takes.

        `then` is what follows once somebody has mended what we are denied.

        Raises `Gone` for what is not there, `BackendFailed` for what would be refused again, `BackendDenied` for
        credentials that are refused or a grant that is missing, and `BackendUnreachable` for what may pass: no answer,
        an overload, an answer that is none.
        """
        from databricks.sdk import errors
        from databricks.sdk.errors.base import DatabricksError
        from requests.exceptions import JSONDecodeError, RequestException

        try:
            yield
        except PipelineError:
            raise
        except errors.NotFound as error:
            raise Gone(f"Databricks could not {what}: {said(error)}", hint=grant and f"{grant}.") from error
        except errors.Unauthenticated as error:
            self.forget()
            raise _refused(what, said(error), then) from error
        except errors.PermissionDenied as error:
            self.forget()
            found = refusal(said(error), error.error_code, grant=grant)
            message = f"Databricks does not let us {what} (403): {found.words}"
            raise BackendDenied(message, hint=f"{found.hint}; {then}.") from error
        except (errors.InternalError, errors.TooManyRequests, errors.TemporarilyUnavailable) as error:
            raise _silent(what, said(error)) from error
        except (errors.DeadlineExceeded, errors.Cancelled, errors.NotImplemented, TimeoutError) as error:
            raise _silent(what, said(error)) from error
        except DatabricksError as error:
            if isinstance(error, errors.BadRequest | errors.ResourceConflict):
                hint = grant and f"{grant}."
                raise BackendFailed(f"Databricks refuses to {what}: {said(error)}", hint=hint) from error
            raise _silent(what, said(error)) from error
        except JSONDecodeError as error:
            why = "its answer is not JSON but a page, as a proxy or a login sends it"
            raise _silent(what, why) from error
        except (RequestException, ConnectionError) as error:
            raise _silent(what, f"no answer ({type(error).__name__})") from error
        except ValueError as error:
            if not is_about_credentials(error):
                raise
            self.forget()
            raise _refused(what, said(error), then) from error


def is_about_credentials(error: ValueError) -> bool:
    """Whether the SDK found no credentials: it raises a bare ValueError then, told from others by its message alone
    (databricks-sdk 0.156).
    """
    return "auth" in str(error)


def said(error: BaseException) -> str:
    """What the API said, without the SDK's appendix about configuration, and not endlessly."""
    text = _APPENDIX.sub("", str(error)).strip() or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _refused(what: str, why: str, then: str) -> BackendDenied:
    return BackendDenied(
        f"Databricks refuses our credentials (401), so we cannot {what}: {why}",
        hint=f"{RENEW}; {then}.",
    )


def _silent(what: str, why: str) -> BackendUnreachable:
    return BackendUnreachable(
        f"Databricks does not answer as it should, so we cannot {what}: {why}",
        hint="Check DATABRICKS_HOST and the network; it is retried automatically.",
    )
