"""From an upload to a training sheet: what it would become, and then the sheet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.bucket_location import BucketLocation
from training_pipeline.domain.errors import Conflict, Forbidden
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import TRAINABLE_SHEETS, SheetStatus
from training_pipeline.infra.files import is_file
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.approval import approve
from training_pipeline.uploads.child import Task, carry_out
from training_pipeline.uploads.found import UploadPreview
from training_pipeline.uploads.remote.fetching import Fetching
from training_pipeline.uploads.staging import Upload, Uploads


class SheetImports:
    """Makes training sheets of uploads. Null for `sheets` where sheets are not kept in files, and for `plans` where
    what is compiled to judge pairs is not kept.
    """

    def __init__(
        self,
        uploads: Uploads,
        sheets: Path | None,
        policy: GatePolicy,
        *,
        prefixes: Sequence[BucketLocation] = (),
        plans: Path | None = None,
    ) -> None:
        self.uploads = uploads
        self.fetching = Fetching(uploads, prefixes)
        self._sheets = sheets
        self._policy = policy
        self._plans = plans

    def look(self, upload: Upload, request: ImportRequest, *, replace: bool = False) -> UploadPreview:
        """What the upload would become, and with `replace` what would change in the sheet that is there.

        Writes no training sheet; raises what `carry_out` does.
        """
        with self.uploads.turn(upload.owner, waits=True):
            found = carry_out(self._task(upload, request, replace=replace))
        if found is None:
            raise AssertionError("a look finds something")
        return found

    def create(self, upload: Upload, request: ImportRequest, caller: Caller, *, replace: bool) -> None:
        """Make a training sheet of an upload, in status `review` unless a steward says otherwise.

        Raises `Forbidden` for somebody else who says so or who would replace a sheet, and what `carry_out` does.
        """
        status = request.sheet_status or SheetStatus.REVIEW
        is_steward = caller.may_act_as(Role.STEWARD)
        if status in TRAINABLE_SHEETS and not is_steward:
            hint = "Leave out sheet_status: a steward approves the sheet then."
            raise Forbidden(f"Only a steward may make a training sheet that is {status} already.", hint=hint)
        if replace and not is_steward and is_file(self._directory() / f"{request.id}.yaml"):
            raise Forbidden(f"Only a steward may replace training sheet '{request.id}'.", hint="Choose another id.")
        metadata = {"imported_by": caller.name, "imported_at": datetime.now(UTC).isoformat(timespec="seconds")}
        if status in TRAINABLE_SHEETS:
            metadata |= {"approved_by": caller.name, "approved_at": metadata["imported_at"]}
        if upload.origin is not None:
            metadata |= upload.origin.metadata()
        stated = request.model_copy(update={"sheet_status": status, "metadata": metadata})
        with self.uploads.turn(upload.owner, waits=True):
            carry_out(self._task(upload, stated, replace=replace, creates=True))
        self.uploads.delete(upload)

    def approve(self, sheet_id: str, *, digest: str, caller: Caller) -> None:
        """Have a steward approve a sheet; see `approval.approve`."""
        approve(self._directory(), sheet_id, digest=digest, actor=caller.name)

    def _task(self, upload: Upload, request: ImportRequest, *, replace: bool = False, creates: bool = False) -> Task:
        asked = request.of_version("" if upload.origin is None else upload.origin.version).model_copy(
            update={"file": upload.file, "sheet_status": request.sheet_status or SheetStatus.REVIEW}
        )
        return Task(
            do="create" if creates else "look",
            request=asked,
            limits=self.uploads.limits,
            policy=self._policy,
            sheets=self._directory(),
            replace=replace,
            plans=self._plans,
        )

    def _directory(self) -> Path:
        if self._sheets is None:
            raise Conflict(
                "Training sheets are read from Unity Catalog here.", hint="Add the pairs to its tables; see the docs."
            )
        return self._sheets
