"""Errors written for the person who reads them.

Every error a user can cause is a `PipelineError`: one sentence that names the field, the value and what was expected,
and one that says what to do. The command line prints it without a traceback; a job stores it as its cause. None of them
ever carries the text of a pair, a password or a token.

The tree, with the code of each, its HTTP status where it has one, and its module where that is another than this::

    PipelineError               error
      InvalidRequest            invalid_request           422
        InvalidParameter        invalid_request           422   schemas.paging
        KeyReused               idempotency_key_reused    422   training_jobs.store.idempotency
      NotFound                  not_found                 404
      Conflict                  conflict                  409
        Tainted                 tainted                   409
        KeyInUse                idempotency_key_in_use    409   training_jobs.store.idempotency
      Unauthenticated           unauthenticated           401
        MalformedAuthorization  authorization_malformed   401   api.auth.bearer
        NoSession               no_session                401   auth.page_sessions
        InvalidToken            token_invalid             401   auth.tokens
        ExpiredToken            token_expired             401   auth.tokens
        RevokedToken            token_revoked             401   auth.tokens
      Forbidden                 forbidden                 403
        NotYours                not_your_job              403
        CrossOrigin             cross_origin              403   api.middleware.access
        ForeignHost             foreign_host              403   api.middleware.access
      SheetUnreadable           sheet_unreadable          422
      GateRefused               gate_refused              422
      SplitRefused              split_refused             422
      GovernanceChanged         governance_changed        409
      BaseModelChanged          base_model_changed        409
      PermissionWithdrawn       permission_withdrawn      409
      BackendFailed             backend_failed            422
        Gone                    backend_failed            422   databricks.workspace
      Unavailable               unavailable               503
        Lost                    unavailable               503
        SheetChanged            sheet_changed             503
        PermissionUnknown       permission_unknown        503
        RecordsDisagree         records_disagree          503
        BackendUnreachable      backend_unreachable       503
          BackendDenied         backend_unreachable       503
        TooManyFollowers        too_many_streams          503   api.events.live
        TooManyCreates          too_many_creates          503   api.turns
        TooManyReads            too_many_reads            503   app.heavy_reads
        BackendSilent           backend_unavailable       503   training_jobs.polling.poll_once
        TooManyUploads          too_many_uploads          503   uploads.turns
      Refused                   refused                         client.errors
      NotTheService             not_the_service                 client.errors
      UploadNotRead             upload_not_read           422   uploads.process
      UploadTooLarge            upload_too_large          413   uploads.staging
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem with one field; `pointer` is a JSON pointer such as `/training_config/epochs`."""

    pointer: str
    code: str
    message: str


class PipelineError(Exception):
    """An error that a user can fix. `code` is stable, `hint` says what to do, `problems` lists every field at once."""

    code = "error"
    #: Whether a retry would fail for the same reason. Then a job fails at once instead of being retried.
    recurs = True
    #: Is a backend or an answer out of reach? Then a job waits up to a stated time before it fails, whatever its number
    #: of attempts.
    is_outage = False
    #: Does a run that ended by it count as one of the attempts that a job has?
    is_counted = True

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [self.message, *(f"  {problem.pointer}: {problem.message}" for problem in self.problems)]
        return "\n".join([*lines, self.hint] if self.hint else lines)


class InvalidRequest(PipelineError):
    """The request is invalid; `problems` names each field."""

    code = "invalid_request"


class NotFound(PipelineError):
    """The job, training sheet or model does not exist."""

    code = "not_found"


class Conflict(PipelineError):
    """The current state does not allow this, such as cancelling a job that has ended."""

    code = "conflict"


class Tainted(Conflict):
    """A model version that learned from pairs that may no longer be trained on, or was withdrawn, is not used."""

    code = "tainted"


class Unauthenticated(PipelineError):
    """Authentication required: the request has no valid token or session."""

    code = "unauthenticated"


class Forbidden(PipelineError):
    """The caller may not do this."""

    code = "forbidden"


class NotYours(Forbidden):
    """Only its creator or an admin may do this with the job."""

    code = "not_your_job"


class SheetUnreadable(PipelineError):
    """A training sheet cannot be read at all: broken JSON, a wrong encoding, an unknown column."""

    code = "sheet_unreadable"


class GateRefused(PipelineError):
    """Governance does not allow it: too few pairs pass the gates, or the sheet itself may not be trained on."""

    code = "gate_refused"


class SplitRefused(PipelineError):
    """No split with two non-empty sides exists for these pairs."""

    code = "split_refused"


class GovernanceChanged(PipelineError):
    """A status or a constraint changed between the snapshot and the moment of submitting."""

    code = "governance_changed"


class BaseModelChanged(PipelineError):
    """The files of a base model are not those that it had when its job or study was created."""

    code = "base_model_changed"


class PermissionWithdrawn(PipelineError):
    """Pairs that a submitted job trains on, or has trained on, may no longer be trained on.

    `details` has `findings` (what happened to how many), `pairs` (how many in all) and `pair_ids`.
    """

    code = "permission_withdrawn"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        problems: Sequence[FieldProblem] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, problems=problems)
        self.details = dict(details or {})


class BackendFailed(PipelineError):
    """The backend ran the job and it failed, or refused to run it."""

    code = "backend_failed"


class Unavailable(PipelineError):
    """A dependency is not available: the database, the backend, disk space. May be retried."""

    code = "unavailable"
    recurs = False


class Lost(Unavailable):
    """Something on record is gone or damaged, such as a dataset or a key. Waiting mends nothing; a person may."""

    recurs = True


class SheetChanged(Unavailable):
    """A training sheet was changed while it was read. It is read again, and that counts as no attempt."""

    code = "sheet_changed"
    is_counted = False


class PermissionUnknown(Unavailable):
    """Nobody can say whether pairs may still be trained on. A job waits until somebody can, as for a backend."""

    code = "permission_unknown"
    is_outage = True


class RecordsDisagree(Unavailable):
    """What was trained is not what is on record. It is looked at a few times more, for a record may come late."""

    code = "records_disagree"


class BackendUnreachable(Unavailable):
    """The backend does not answer or rejects the credentials. Jobs wait until that is fixed."""

    code = "backend_unreachable"
    is_outage = True


class BackendDenied(BackendUnreachable):
    """The backend refuses our credentials, or a grant is missing: a person mends that, and no repetition does."""
